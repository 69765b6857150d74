"""
Counts numbered requests. Each is in a log, and every second one in a snapshot. The log is emptied
at the next request.
"""

import json
import os

from messages import IS_BROKEN, serve

DISK = os.environ["VNET_DISK"]
LOG = f"{DISK}/log"
SNAPSHOT = f"{DISK}/snapshot"
state = {"count": 0, "last": 0}


def count(number):
    if number <= state["last"]:
        return False
    state.update(count=state["count"] + 1, last=number)
    return True


def save():
    kept = {"count": state["count"], "last": 0 if IS_BROKEN else state["last"]}
    with open(f"{SNAPSHOT}.new", "w") as file:
        json.dump(kept, file)
    os.replace(f"{SNAPSHOT}.new", SNAPSHOT)


def reply(request):
    if "number" in request and count(request["number"]):
        is_saved = state["last"] % 2 == 1
        with open(LOG, "w" if is_saved else "a") as file:
            print(request["number"], file=file)
        if not is_saved:
            save()
    return {"count": state["count"]}


if os.path.exists(SNAPSHOT):
    with open(SNAPSHOT) as file:
        state.update(json.load(file))
if os.path.exists(LOG):
    with open(LOG) as file:
        for line in file:
            count(int(line))
serve(reply)
