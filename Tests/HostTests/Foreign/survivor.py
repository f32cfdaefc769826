"""A subscriber that writes down what it has seen, and goes on from there: survivor.py BUS FILE

It may be killed at any moment; each line of FILE is the number of an event, written before the next is asked for.
"""

import json
import os
import sys

import zmq

bus, file = sys.argv[1:3]
after = 0
if os.path.exists(file):
    with open(file, "rb+") as lines:
        data = lines.read()
        whole = data.rfind(b"\n") + 1
        lines.truncate(whole)  # A line that was cut by the kill is not seen yet.
        if whole:
            after = int(data[:whole].split()[-1])
socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
socket.connect(bus)
number = 0
with open(file, "a", buffering=1) as lines:
    while True:
        number += 1
        question = {"after": after, "wait_ms": 20000, "limit": 500}
        socket.send_multipart([f"BERTH/1 events.since {number}".encode(), json.dumps(question).encode()])
        header, body = socket.recv_multipart()
        assert header == f"BERTH/1 ok {number}".encode(), (header, body)
        page = json.loads(body)
        for event in page["events"]:
            lines.write(f"{event['seq']}\n")
        after = page["next"]
