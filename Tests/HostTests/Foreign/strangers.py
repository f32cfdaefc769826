"""Who is not let in learns nothing: strangers.py BUS EVENTS ALLOWED.key REVOKED.key

Over TCP, with plain pyzmq: no key, a key nobody knows, a revoked key, the right key for another host, PLAIN and NULL instead of
CURVE. Each sends every verb of the host and waits; nothing may come back, on the bus or as an event. Then the allowed key must work.
"""

import json
import sys
import time

import zmq

bus, events, allowed, revoked = sys.argv[1:5]
context = zmq.Context()
keys = json.load(open(allowed))
gone = json.load(open(revoked))
new_public, new_secret = zmq.curve_keypair()
other_host, _ = zmq.curve_keypair()

VERBS = (
    "host.ping host.info host.status host.metrics host.log host.log-level host.cancel plugin.list plugin.show plugin.reload plugin.reset "
    "plugin.call provider.list provider.show provider.drain flavor.list image.list lease.create lease.list lease.show machine.list "
    "machine.show member.list ledger.backup ledger.check events.since driver.call ledger.health no.such-verb"
).split()


def curve(socket, public, secret, server):
    socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = (x if isinstance(x, bytes) else x.encode() for x in (public, secret, server))


def plain(socket):
    socket.plain_username, socket.plain_password = b"root", b"root"


strangers = {
    "without a key": lambda socket: None,
    "with PLAIN": plain,
    "with an unknown key": lambda socket: curve(socket, new_public, new_secret, keys["host"]),
    "with a revoked key": lambda socket: curve(socket, gone["public"], gone["secret"], keys["host"]),
    "with the key of another host": lambda socket: curve(socket, keys["public"], keys["secret"], other_host),
}

sockets = []
for name, prepare in strangers.items():
    dealer, sub = context.socket(zmq.DEALER), context.socket(zmq.SUB)
    for socket, endpoint in ((dealer, bus), (sub, events)):
        socket.linger = 0
        prepare(socket)
        socket.connect(endpoint)
    sub.subscribe(b"")
    for number, verb in enumerate(VERBS):
        dealer.send_multipart([f"BERTH/1 {verb} {number}".encode(), b"{}"])
    sockets.append((name, dealer, sub))

# The allowed key works meanwhile, and an event goes out that a stranger would like to see.
client = context.socket(zmq.DEALER)
client.linger = 0
curve(client, keys["public"], keys["secret"], keys["host"])
client.connect(bus)
client.send_multipart([b"BERTH/1 host.ping 1", b"{}"])
assert client.poll(30000), "the allowed key is not answered"
assert client.recv_multipart() == [b"BERTH/1 ok 1", b"{}"]
start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
lease = {"kind": "advance", "start": start, "duration_s": 3600, "groups": [{"cpus": 1, "memory_mib": 64, "disk_gib": 0}]}
client.send_multipart([b"BERTH/1 lease.create 2", json.dumps(lease).encode()])
assert client.poll(30000)
header, body = client.recv_multipart()
assert header == b"BERTH/1 ok 2", (header, body)

end = time.monotonic() + 2
while time.monotonic() < end:
    for name, dealer, sub in sockets:
        assert not dealer.poll(20), f"{name}: {dealer.recv_multipart()}"
        assert not sub.poll(20), f"{name}: {sub.recv_multipart()}"
print("nobody was answered")
context.destroy(0)
