"""A component of a host in Python, on pyzmq alone: component.py BACKEND TOKEN NAME

Answers NAME.say with its body after it has waited `ms` milliseconds, several at once; speaks the verbs backend.* of docs/protocol.md.
"""

import json
import sys
import time

import zmq

backend, token, name = sys.argv[1:4]
socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
socket.connect(backend)


def send(line, body=None):
    socket.send_multipart([f"BERTH/1 {line}".encode(), b"" if body is None else json.dumps(body).encode()])


def join():
    send("backend.ready 0", {"token": token, "verbs": [{"name": f"{name}.say", "access": "everyone"}], "queue": 100000})


join()
beat = 0.0
held = []
while True:
    now = time.monotonic()
    if now > beat:
        beat = now + 1
        send("backend.alive 0")
    due = [item for item in held if item[0] <= now]
    held = [item for item in held if item[0] > now]
    for _, number, body in due:
        socket.send_multipart([f"BERTH/1 ok {number}".encode(), body])
    wait = min([beat] + [item[0] for item in held]) - now
    if not socket.poll(max(0, int(wait * 1000))):
        continue
    while socket.poll(0):
        header, body = socket.recv_multipart()
        word, number = header.decode().split(" ")[1:3]
        if word == "ok" and number == "0":
            print("joined", flush=True)
        elif word == "backend.unknown":
            join()
        elif word == f"{name}.say":
            held.append((time.monotonic() + (json.loads(body or b"{}").get("ms", 0)) / 1000, number, body))
        elif "." not in word:
            sys.exit(f"refused: {word} {body.decode()}")
