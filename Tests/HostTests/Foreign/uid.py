"""Becomes user UID and asks who it is: uid.py BUS UID"""

import json
import os
import sys

os.setgroups([])
os.setuid(int(sys.argv[2]))

import zmq  # noqa: E402  (its threads must belong to the user)

socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
# What a peer says of itself counts for nothing.
socket.setsockopt(zmq.METADATA, b"X-User-Id:uid:0")
socket.connect(sys.argv[1])
for number, verb in enumerate(("host.info", "host.metrics")):
    socket.send_multipart([f"BERTH/1 {verb} {number}".encode(), b"{}"])
    assert socket.poll(30000), "no answer"
    header, body = socket.recv_multipart()
    answer = json.loads(body)
    print(header.decode().split(" ")[1], answer.get("account", {}).get("owner"), answer.get("account", {}).get("role"))
