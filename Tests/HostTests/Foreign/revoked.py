"""A client whose key is revoked while it is connected: revoked.py BUS EVENTS KEY FILE

Says `subscribed` once it gets answers and events; when FILE is there, its key has been revoked and an event has happened since.
"""

import json
import os
import sys
import time

import zmq

bus, events, key, file = sys.argv[1:5]
context = zmq.Context()
keys = json.load(open(key))


def connect(kind, endpoint):
    socket = context.socket(kind)
    socket.linger = 0
    socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = (keys[name].encode() for name in ("public", "secret", "host"))
    socket.connect(endpoint)
    return socket


dealer, sub = connect(zmq.DEALER, bus), connect(zmq.SUB, events)
sub.subscribe(b"")
start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
lease = {"kind": "advance", "start": start, "duration_s": 3600, "groups": [{"cpus": 1, "memory_mib": 64, "disk_gib": 0}]}
number = 0
while True:
    number += 1
    dealer.send_multipart([f"BERTH/1 lease.create {number}".encode(), json.dumps(lease).encode()])
    assert dealer.poll(30000), "no answer"
    assert dealer.recv_multipart()[0] == f"BERTH/1 ok {number}".encode()
    if sub.poll(200):
        break
while sub.poll(500):
    sub.recv_multipart()
print("subscribed", flush=True)
end = time.monotonic() + 60
while not os.path.exists(file):
    assert time.monotonic() < end
    time.sleep(0.02)
dealer.send_multipart([b"BERTH/1 host.ping after", b"{}"])
assert not dealer.poll(1500), dealer.recv_multipart()
assert not sub.poll(500), sub.recv_multipart()
print("nothing more came")
context.destroy(0)
