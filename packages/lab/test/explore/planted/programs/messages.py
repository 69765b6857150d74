"""Requests and replies as JSON datagrams, like messages.ts."""

import json
import os
import socket

PORT = 5000
IS_BROKEN = os.environ.get("BROKEN") == "1"


def serve(reply):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", PORT))
    print("ready", flush=True)
    while True:
        message, sender = server.recvfrom(65536)
        request = json.loads(message)
        server.sendto(json.dumps({"id": request["id"], **reply(request)}).encode(), sender)


class Client:
    """Repeats a request every second until its reply arrives."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, PORT))
        self.socket.settimeout(1)
        self.last = 0

    def ask(self, **request):
        self.last += 1
        while True:
            self.socket.send(json.dumps({"id": self.last, **request}).encode())
            try:
                reply = json.loads(self.socket.recv(65536))
                while reply["id"] != self.last:
                    reply = json.loads(self.socket.recv(65536))
                return reply
            except TimeoutError:
                pass
