"""Opens a session and uses it twice. Its status is 1 if the server does not find it."""

import sys

from messages import Client

server = Client("server")
token = server.ask(verb="open")["token"]
for _ in range(2):
    if not server.ask(verb="use", token=token)["known"]:
        sys.exit(1)
