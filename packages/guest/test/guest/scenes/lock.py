#!/usr/bin/python3
"""Two workers with a lock for both, which has a race: about 1 run in 100 fails."""
import os
import random
import sys
import threading
import time

HOUR = 3600
REQUEST = float((sys.argv + ["0.00125"])[1])
owner = None


def log(name, text):
    print(f"{time.monotonic():.6f} {name}: {text}", flush=True)


def work(name):
    global owner
    while time.monotonic() < start + HOUR:
        time.sleep(random.uniform(0, 60))
        if owner is not None:
            continue
        log(name, "the lock is free")
        time.sleep(REQUEST)
        owner = name
        log(name, "has the lock")
        time.sleep(1)
        if owner != name:
            log(name, f"the lock belongs to {owner}")
            os._exit(1)
        owner = None


start = time.monotonic()
workers = [threading.Thread(target=work, args=[name]) for name in ["one", "two"]]
for each in workers:
    each.start()
for each in workers:
    each.join()
