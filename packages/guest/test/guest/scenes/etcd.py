#!/usr/bin/python3
"""Checks that a cluster replaces a leader that is cut off, which follows 20 minutes later."""
import json
import os
import subprocess
import time

MEMBERS = ["one", "two", "three"]
start = time.monotonic()


def etcdctl(members, *words):
    """Returns the replies of members, or None if one is missing."""
    endpoints = ",".join(f"{each}:2379" for each in members)
    command = ["etcdctl", "--endpoints", endpoints, "--write-out", "json", *words]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "ETCDCTL_API": "3"})
    return json.loads(result.stdout) if result.returncode == 0 else None


def leader(members):
    """Waits until members agree on a leader that is one of them. Returns its name."""
    while True:
        replies = etcdctl(members, "endpoint", "status") or []
        for reply in replies:
            own = reply["Status"]["header"]["member_id"]
            if [each["Status"].get("leader") for each in replies] == [own] * len(members):
                return reply["Endpoint"].split(":")[0]
        time.sleep(10)


def wire(member, spec):
    link = f"{os.environ['VNET_LAB']}:{member}/lan"
    subprocess.run(["vnet", "wire", link, spec], check=True, stdout=subprocess.DEVNULL)


def report(text):
    print(f"{time.monotonic() - start:6.0f} s: {text}", flush=True)


first = leader(MEMBERS)
report(f"{first} is the leader")
wire(first, "loss 100%")
others = [each for each in MEMBERS if each != first]
second = leader(others)
report(f"{second} is the leader")
assert etcdctl([second], "put", "key", "new")
assert etcdctl([first], "get", "key") is None
time.sleep(1200)
wire(first, "delay 1ms")
report(f"{first} is back")
third = leader(MEMBERS)
report(f"{third} is the leader")
# A serializable read asks this member only.
reply = etcdctl([first], "get", "key", "--consistency", "s")
assert reply and reply["kvs"][0]["value"] == "bmV3", reply
report(f"{first} has the key")
