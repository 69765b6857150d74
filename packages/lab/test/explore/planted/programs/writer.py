"""Writes values with the time of each one to a store that keeps the newest."""

import time

from messages import IS_BROKEN, Client

store = Client("store")
last = 0
for value in (1, 2, 3):
    microseconds = int(time.time() * 1_000_000)
    last = microseconds if IS_BROKEN else max(microseconds, last + 1)
    store.ask(value=value, time=last)
