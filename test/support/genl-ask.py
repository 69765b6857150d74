"""Asks a vnet by plain sockets: python3 genl-ask.py PORT REQUEST..., in its namespace.

A REQUEST is CMD[:ATTRIBUTE...], an ATTRIBUTE is TYPE=HEX. `GROUP=N` in place of a request joins a multicast group, `IOCTL=IF,N,HEX` makes
SIOCDEVPRIVATE + N on memory of this process that holds HEX, and `IOCTL=IF,N,HEX,PID,ADDRESS` on that of another process.
Prints a JSON line for each. `genl-ask.py hold HEX` is such a process: it tells its PID and ADDRESS, and once its input ends what is there.
"""
import ctypes
import json
import os
import socket
import struct
import sys

NETLINK_USERSOCK = 2
REQUEST, ACK = 1, 4
NLMSG_ERROR = 2
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
SIOCDEVPRIVATE = 0x89f0
FAMILY = 0x3f0
if sys.argv[1] == 'hold':
    held = ctypes.create_string_buffer(bytes.fromhex(sys.argv[2]), len(sys.argv[2]) // 2)
    print(json.dumps({'pid': os.getpid(), 'address': ctypes.addressof(held)}), flush=True)
    sys.stdin.read()
    print(json.dumps({'data': held.raw.hex()}))
    sys.exit()
port = int(sys.argv[1])
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK)
sock.bind((0, 0))
sock.settimeout(10)


def attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack('=HH', size, kind) + payload + bytes(-size % 4)


def attributes(octets):
    found = {}
    while len(octets) >= 4:
        size, kind = struct.unpack_from('=HH', octets)
        found[kind & 0x3fff] = octets[4:size].hex()
        octets = octets[(size + 3) & ~3:]
    return found


def ask(command, octets):
    body = struct.pack('=BBH', command, 1, 0) + octets
    sock.sendto(struct.pack('=IHHII', 16 + len(body), FAMILY, REQUEST | ACK, 1, 0) + body, (port, 0))
    answer = {}
    while True:
        datagram = sock.recv(65536)
        _, kind, _, sequence, _ = struct.unpack_from('=IHHII', datagram)
        assert sequence == 1
        if kind == NLMSG_ERROR:
            error, = struct.unpack_from('=i', datagram, 16)
            return {**answer, 'error': error}
        answer = attributes(datagram[20:])


def ioctl(name, number, text, pid=None, address=None):
    memory = ctypes.create_string_buffer(bytes.fromhex(text), len(text) // 2)
    ifreq = struct.pack('=16sQ16x', name.encode(), int(address or ctypes.addressof(memory)))
    answer = ask(9, attribute(2, name.encode()) + attribute(23, struct.pack('=I', SIOCDEVPRIVATE + int(number)))
                 + attribute(24, ifreq) + attribute(25, struct.pack('=I', int(pid or os.getpid()))))
    result, = struct.unpack('=i', bytes.fromhex(answer[27]))
    return {'result': result, 'data': memory.raw.hex()}


for request in sys.argv[2:]:
    if request.startswith('GROUP='):
        try:
            sock.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, int(request[6:]))
            print(json.dumps({'error': 0}))
        except OSError as error:
            print(json.dumps({'error': -error.errno}))
    elif request.startswith('IOCTL='):
        print(json.dumps(ioctl(*request[6:].split(','))))
    else:
        command, *rest = request.split(':')
        pairs = [each.split('=') for each in rest]
        print(json.dumps(ask(int(command), b''.join(attribute(int(k), bytes.fromhex(v)) for k, v in pairs))))
