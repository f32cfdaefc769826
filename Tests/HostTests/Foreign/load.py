"""Counts answers: load.py BUS VERB COUNT WINDOW

Sends COUNT requests, WINDOW of them under way, and waits for what comes. Each must be answered exactly once, and what is not `ok`
must be `retry`, `busy` or `deadline`. Prints how many there were of each.
"""

import collections
import json
import sys
import time

import zmq

bus, verb, count, window = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
socket.sndhwm = socket.rcvhwm = 0
socket.connect(bus)
answers = collections.Counter()
kinds = collections.Counter()
sent = 0
while len(answers) < count:
    while sent < count and sent - len(answers) < window:
        socket.send_multipart([f"BERTH/1 {verb} {sent} deadline=60000".encode(), json.dumps({"n": sent, "ms": sent % 5}).encode()])
        sent += 1
    if not socket.poll(90000):
        sys.exit(f"{sent - len(answers)} were never answered")
    header, body = socket.recv_multipart()
    _, status, number = header.decode().split(" ")
    answers[number] += 1
    kinds[status] += 1
    if status == "ok":
        assert json.loads(body)["n"] == int(number), "somebody else's answer"
    elif status == "retry":
        time.sleep(0.002)  # as a client would: the cause will pass
    else:
        assert status in ("busy", "deadline"), (status, body)
# Whoever is answered twice is so within moments.
while socket.poll(1000):
    header, body = socket.recv_multipart()
    answers[header.decode().split(" ")[2]] += 1
twice = [number for number, times in answers.items() if times != 1]
assert not twice, f"answered more than once: {twice[:5]}"
print(json.dumps(kinds))
