#!/usr/bin/python3
"""A client of Berth on pyzmq alone; docs/protocol.md is all it knows. (clients/python/berth.py does more: use that in earnest.)

    client.py ENDPOINT plugins                     lists plugins
    client.py ENDPOINT request VERB [JSON]         sends one request, prints the answer
    client.py ENDPOINT events [AFTER [COUNT]]      follows events; AFTER -1 (the default) is from now on
"""

import json
import sys

import zmq


def ask(socket, number, verb, body, seconds=30):
    """One request and its answer. The status is `ok` or the class of an error."""
    header = f"BERTH/1 {verb} {number} deadline={seconds * 1000}"
    socket.send_multipart([header.encode(), json.dumps(body).encode()])
    if not socket.poll((seconds + 1) * 1000):
        sys.exit("no answer; is the host running?")
    header, body = socket.recv_multipart()
    version, status, echoed = header.decode().split(" ")
    assert version == "BERTH/1" and echoed == str(number)
    return status, json.loads(body)


def main(endpoint, command, *rest):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(endpoint)
    if command == "plugins":
        status, answer = ask(socket, 1, "plugin.list", {})
        for plugin in answer.get("plugins", []):
            print(plugin["name"], plugin["state"])
    elif command == "request":
        verb = rest[0]
        status, answer = ask(socket, 1, verb, json.loads(rest[1]) if len(rest) > 1 else {})
        print(json.dumps(answer))
    elif command == "events":
        after = int(rest[0]) if rest else -1
        left = int(rest[1]) if len(rest) > 1 else None
        number = 0
        status = "ok"
        while status == "ok" and (left is None or left > 0):
            number += 1
            question = {"after": after, "wait_ms": 0 if after < 0 else 20000}
            status, answer = ask(socket, number, "events.since", question)
            for event in answer.get("events", [])[:left]:
                print(event["seq"], event["topic"], flush=True)
                left = None if left is None else left - 1
            after = answer.get("next", after)
    else:
        sys.exit(__doc__)
    if status != "ok":
        sys.exit(f"{status}: {answer['message']}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
