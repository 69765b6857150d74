"""A proxy with latency, by the standard library alone: vnet toxiproxy & python3 client.py"""
import json
import socket
import threading
import time
import urllib.request

API = "http://127.0.0.1:8474"


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, method=method)
    with urllib.request.urlopen(request) as response:
        text = response.read()
        return json.loads(text) if text else None


def echo(server):
    connection, _ = server.accept()
    while data := connection.recv(4096):
        connection.sendall(data)


server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=echo, args=(server,), daemon=True).start()
upstream = "127.0.0.1:%d" % server.getsockname()[1]
proxy = call("POST", "/proxies", {"name": "python", "listen": "127.0.0.1:0", "upstream": upstream})
call("POST", "/proxies/python/toxics", {"type": "latency", "attributes": {"latency": 100}})

host, port = proxy["listen"].split(":")
start = time.monotonic()
with socket.create_connection((host, int(port))) as client:
    client.sendall(b"hello")
    print("%s after %d ms" % (client.recv(100).decode(), 1000 * (time.monotonic() - start)))
call("DELETE", "/proxies/python")
