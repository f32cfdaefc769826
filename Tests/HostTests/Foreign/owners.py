"""Two owners see nothing of each other: owners.py BUS EVENTS A.key B.key COUNT

Each makes COUNT leases with pyzmq and tries every verb and every subscription for the other's.
"""

import json
import sys
import time

import zmq

bus, events, count = sys.argv[1], sys.argv[2], int(sys.argv[5])
context = zmq.Context()


def start(number):
    """So far apart that each machine finds a slot."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400 + number // 20 * 7200))


class Owner:
    def __init__(self, file):
        self.keys = json.load(open(file))
        self.name = self.keys["name"]
        self.owner = f"key:{self.name}"
        self.socket = self.connect(zmq.DEALER, bus)
        self.sub = self.connect(zmq.SUB, events)
        self.number = 0

    def connect(self, kind, endpoint):
        socket = context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = 0
        socket.curve_publickey = self.keys["public"].encode()
        socket.curve_secretkey = self.keys["secret"].encode()
        socket.curve_serverkey = self.keys["host"].encode()
        socket.connect(endpoint)
        return socket

    def send(self, verb, body, options=""):
        self.number += 1
        self.socket.send_multipart([f"BERTH/1 {verb} {self.number}{options}".encode(), json.dumps(body).encode()])

    def receive(self):
        assert self.socket.poll(60000), "no answer"
        header, body = self.socket.recv_multipart()
        return header.decode().split(" ")[1], json.loads(body)

    def ask(self, verb, body=None, options=""):
        self.send(verb, body or {}, options)
        return self.receive()


owners = [Owner(file) for file in sys.argv[3:5]]
for owner in owners:
    # All there is, what is the other's by name, and what is everybody's as operators get it.
    for prefix in ["", "@", "lease.", "machine.", "l", f"@{owner.owner}/"] + [f"@{other.owner}/" for other in owners if other is not owner]:
        owner.sub.subscribe(prefix.encode())
time.sleep(0.2)  # Subscriptions are no requests: nothing says that they arrived. Too late a one sees less, never more.

ids = {}
for owner in owners:
    for number in range(count):
        lease = {
            "name": f"{owner.name}-{number}", "kind": "advance", "start": start(number), "duration_s": 3600, "tags": {"secret": f"of-{owner.name}"},
            "groups": [{"cpus": 1, "memory_mib": 64, "disk_gib": 0}],
        }
        owner.send("lease.create", lease, f" key={number}")
        if number % 200 == 199:
            for _ in range(200):
                status, body = owner.receive()
                assert status == "ok", body
                ids.setdefault(owner.name, []).append(body["lease"]["id"])
    for _ in range(count % 200):
        status, body = owner.receive()
        assert status == "ok", body
        ids.setdefault(owner.name, []).append(body["lease"]["id"])


def pages(owner, verb, noun, body):
    found, after = [], None
    while True:
        status, page = owner.ask(verb, {**body, **({"after": after} if after else {})})
        assert status == "ok", page
        found += page[noun]
        after = page.get("next")
        if not after:
            return found


for owner, other in (owners, owners[::-1]):
    mine, theirs = ids[owner.name], ids[other.name]
    assert len(mine) == count
    leases = pages(owner, "lease.list", "leases", {"limit": 1000})
    assert {lease["id"] for lease in leases} == set(mine)
    # Asking for the other's by name of owner gives one's own or nothing, never theirs.
    for body in ({"owner": other.owner, "limit": 1000}, {"name": f"{other.name}-0"}, {"limit": 1000, "state": ["scheduled"]}):
        assert not {lease["id"] for lease in pages(owner, "lease.list", "leases", body)} & set(theirs)
    assert not any(machine["lease"] in theirs for machine in pages(owner, "machine.list", "machines", {"limit": 1000}) if "lease" in machine)
    for lease in theirs[:20] + [f"{other.name}-0"]:
        for verb, body in (
            ("lease.show", {}), ("lease.cancel", {}), ("lease.suspend", {}), ("lease.resume", {}), ("lease.explain", {}),
            ("lease.update", {"duration_s": 1}), ("lease.save", {"name": "stolen"}), ("machine.list", {"lease": lease}), ("machine.show", {}),
            ("machine.action", {"verb": "destroy"}),
        ):
            question = body if verb == "machine.list" else {"id": lease, **body}
            status, answer = owner.ask(verb, question)
            text = json.dumps(answer)
            assert f"of-{other.name}" not in text, (verb, answer)
            if verb == "machine.list":
                assert status != "ok" or answer["machines"] == [], (verb, answer)
            else:
                assert status in ("not-found", "invalid"), (verb, status, answer)
    # Another's idempotency key is not one's own: the same key made another lease.
    status, answer = owner.ask("lease.list", {"name": f"{owner.name}-5"})
    assert [lease["owner"] for lease in answer["leases"]] == [owner.owner]
    # What is refused is explained without a word about whose leases are in the way.
    lease = {"kind": "advance", "start": start(0), "duration_s": 3600, "groups": [{"count": 4000, "cpus": 1, "memory_mib": 64, "disk_gib": 0}]}
    for verb, question in (("lease.create", lease), ("lease.explain", lease), ("lease.explain", {"id": mine[0]})):
        status, answer = owner.ask(verb, question)
        text = json.dumps(answer)
        assert "holders" in text and not any(lease in text for lease in theirs) and other.owner not in text, (verb, text[:2000])
    for verb in ("host.metrics", "host.log", "ledger.check", "provider.lost", "plugin.call", "machine.forget"):
        assert owner.ask(verb)[0] == "denied", verb
    for verb in ("driver.call", "ledger.health", "scheduler.watch"):
        assert owner.ask(verb)[0] == "unsupported", verb
    assert owner.ask("host.ping", {}, f" as={other.owner}")[0] == "denied"
    assert owner.ask("lease.list", {}, f" as={other.owner}")[0] == "denied"
    # The record of events.
    seen, after = [], 0
    while True:
        status, page = owner.ask("events.since", {"after": after, "limit": 1000})
        assert status == "ok", page
        seen += page["events"]
        if page["next"] <= after and not page["events"]:
            break
        after = page["next"]
    subjects = {event["subject"] for event in seen if event["topic"].startswith("lease.")}
    assert subjects == set(mine), (len(subjects), len(mine))
    text = json.dumps(seen)
    assert f"of-{other.name}" not in text and other.owner not in text
    # The stream.
    topics = set()
    while owner.sub.poll(300):
        topic, body = owner.sub.recv_multipart()
        topics.add(topic.decode())
        assert not any(lease in topic.decode() for lease in theirs), topic
    assert topics and all(topic.startswith((f"@{owner.owner}/", "provider.", "member.")) for topic in topics), list(topics)[:5]
print("nothing was seen")
context.destroy(0)
