"""Connections as few programs make them. odd-connections.py serve KIND: the server, which prints
`ready`. odd-connections.py KIND ADDRESS: its client, which prints one line."""
import errno
import socket
import struct
import sys
import threading

PORTS = {"urgent": 9200, "port": 9201, "deaf": 9202}
RESET = struct.pack("ii", 1, 0)


def received(connection):
    parts = iter(lambda: connection.recv(100), b"")
    return b"".join(parts)


def serve(kind):
    server = socket.create_server(("", PORTS[kind]), backlog=1000)
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        if kind == "urgent":
            connection.sendall(received(connection))
        elif kind == "port":
            connection.sendall(b"x")
        elif connection.recv(4) != b"last":
            # The client still sends when it learns of the end, and then of the reset.
            connection.shutdown(socket.SHUT_WR)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        else:
            connection.sendall(b"last")
        connection.close()


def urgent(to):
    connection = socket.create_connection(to)
    connection.send(b"before")
    connection.send(b"!", socket.MSG_OOB)
    connection.send(b"after")
    connection.shutdown(socket.SHUT_WR)
    return received(connection)


def port(to):
    """The server closes first, and the client uses its port again."""
    answers = b""
    for _ in range(5):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.settimeout(20)
        connection.bind(("", 45000))
        while connection.connect_ex(to) == errno.EADDRNOTAVAIL:
            pass  # The kernel still has the connection before.
        answers += received(connection)
        connection.close()
    return answers


def deaf(to):
    def write():
        for _ in range(100):
            try:
                with socket.create_connection(to) as connection:
                    while True:
                        connection.sendall(bytes(60000))
            except OSError:
                pass

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with socket.create_connection(to) as connection:
        connection.sendall(b"last")
        return received(connection)


kind, address = sys.argv[1:]
if kind == "serve":
    serve(address)
else:
    print({"urgent": urgent, "port": port, "deaf": deaf}[kind]((address, PORTS[kind])).decode())
