"""Malformed messages: garbage.py BUS_IPC BUS_TCP KEY COUNT SEED

Sends COUNT of them over ipc by DEALER and REQ sockets and raw bytes at both doors. A good client is asked all the while, and each
of its answers must be its own and come in time. What is answered must be answered `invalid`, `unsupported` or the like, never `ok`.
"""

import json
import random
import socket as sockets
import sys

import zmq

ipc, tcp, key, count, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
rng = random.Random(seed)
context = zmq.Context()
context.max_sockets = 4096
GOOD = b"BERTH/1 host.info 7 deadline=5000 key=a"


def connect(kind=zmq.DEALER):
    socket = context.socket(kind)
    socket.linger = 0
    socket.connect(ipc)
    return socket


def noise(limit=64):
    return rng.randbytes(rng.randrange(limit))


def fuzzed():
    line = bytearray(GOOD)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(line))
        how = rng.randrange(4)
        if how == 0:
            line[at] = rng.randrange(256)
        elif how == 1:
            del line[at]
        elif how == 2:
            line[at:at] = noise(8)
        else:
            line[at:at] = line[: rng.randrange(len(line))]
        if not line:
            break
    return bytes(line)


def message():
    how = rng.randrange(10)
    if how < 4:
        return [fuzzed(), rng.choice([b"", b"{}", b"{", b"[]", b'{"a":1,"a":2}', noise()])]
    if how == 4:
        return [noise(200), noise(200)]
    if how == 5:
        return [noise() for _ in range(rng.choice([1, 3, 4, 7, 20]))]
    if how == 6:
        return [b"", b"", fuzzed(), b""][: rng.randrange(1, 5)]
    if how == 7:
        return [b"BERTH/1 " + b"a." * rng.randrange(1, 600) + b"b 1", b"{}"]
    if how == 8:
        return [b"BERTH/1 events.since x", b"{" * rng.randrange(1, 3000)]
    return [b"BERTH/1 ok 1", b"{}"] if rng.randrange(2) else [b"BERTH/1 backend.ready 1", b'{"token":"status.00","verbs":[]}']


good = connect()
asked = 0


def ask():
    """The good client."""
    global asked
    asked += 1
    body = json.dumps({"n": asked}).encode()
    good.send_multipart([f"BERTH/1 host.ping {asked}".encode(), body])
    assert good.poll(60000), "a good client was not answered"
    assert good.recv_multipart() == [f"BERTH/1 ok {asked}".encode(), body]


def drain(socket):
    seen = 0
    while socket.poll(0):
        frames = socket.recv_multipart()
        seen += 1
        if len(frames) == 3 and frames[0] == b"":
            frames = frames[1:]
        assert len(frames) == 2 and frames[0].startswith(b"BERTH/1 "), frames
        status = frames[0].split(b" ")[1]
        assert status != b"ok" or b"host.info" in GOOD, frames
        json.loads(frames[1])
    return seen


bad = connect()
sent = answered = 0
while sent < count:
    for _ in range(100):
        bad.send_multipart(message())
    sent += 100
    answered += drain(bad)
    ask()
    if sent % 5000 == 0:
        # A frame beyond the limit ends its connection; one that is just large is refused.
        huge = connect()
        huge.send_multipart([b"BERTH/1 host.ping 1", bytes((16 << 20) + 1)])
        large = connect()
        large.send_multipart([bytes(2 << 20), b"{}"])
        assert large.poll(60000)
        assert large.recv_multipart()[0] == b"BERTH/1 invalid -"
        # A REQ that sends twice without waiting, and one that sends several frames.
        twice = context.socket(zmq.REQ)
        twice.linger = 0
        twice.setsockopt(zmq.REQ_RELAXED, 1)
        twice.setsockopt(zmq.REQ_CORRELATE, rng.randrange(2))
        twice.connect(ipc)
        twice.send_multipart([b"BERTH/1 host.ping 1", b"{}"])
        twice.send_multipart([b"BERTH/1 host.ping 2", b"{}"])
        twice.poll(200)
        ask()
        assert not huge.poll(0)
        for socket in (huge, large, twice):
            socket.close(0)
        # Bytes that are no ZMTP, or begin as it and go astray, at both doors.
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + rng.choice([b"NULL", b"CURVE", b"PLAIN", b"GSSAPI"]).ljust(20, b"\0") + b"\0" + bytes(31)
        for payload in (noise(4000), greeting, greeting + noise(4000), greeting + b"\x04\x29\x05READY" + noise(300), b"GET / HTTP/1.1\r\n\r\n", b""):
            for door in (ipc, tcp):
                if door.startswith("ipc://"):
                    raw = sockets.socket(sockets.AF_UNIX)
                    raw.connect(door[6:])
                else:
                    raw = sockets.create_connection(tuple(door[6:].rsplit(":", 1)))
                try:
                    raw.sendall(payload)
                except OSError:
                    pass
                raw.close()
        ask()

# The last word: many frames at once, and connections that only come and go.
for _ in range(200):
    socket = connect()
    socket.send_multipart([noise(10) for _ in range(500)])
    socket.close(rng.choice([0, 50]))
ask()
keys = json.load(open(key))
curve = context.socket(zmq.DEALER)
curve.linger = 0
curve.curve_publickey, curve.curve_secretkey, curve.curve_serverkey = (keys[name].encode() for name in ("public", "secret", "host"))
curve.connect(tcp)
curve.send_multipart([b"BERTH/1 host.ping 1", b"{}"])
assert curve.poll(60000), "the TCP door does not answer any more"
print(f"{sent} malformed, {answered} of them answered, {asked} good requests answered")
context.destroy(0)
