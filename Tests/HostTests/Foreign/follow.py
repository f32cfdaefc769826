"""Prints the first COUNT events of leases: follow.py ENDPOINT COUNT"""

import sys

import berth

with berth.Client(sys.argv[1]) as host:
    left = int(sys.argv[2])
    for event in host.events(after=0, topics=["lease."]):
        print(event["seq"], event["topic"], flush=True)
        left -= 1
        if left == 0:
            break
