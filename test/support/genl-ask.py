"""Sends requests to a vnet as the user that runs it: python3 genl-ask.py SOCKET REQUEST...

A REQUEST is CMD[:ATTRIBUTE...], an ATTRIBUTE is TYPE=HEX. `IOCTL=IF,N,HEX` runs the ioctl
SIOCDEVPRIVATE + N with the data HEX. Prints one JSON line for each: the attributes of the reply, the
error, and its text.
"""
import json
import socket
import struct
import sys

REQUEST, ACK = 1, 4
NLMSG_ERROR = 2
SIOCDEVPRIVATE = 0x89f0
FAMILY = 0x3f0
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.settimeout(10)
sock.connect(sys.argv[1])


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
    try:
        sock.sendall(struct.pack('=IHHII', 16 + len(body), FAMILY, REQUEST | ACK, 1, 0) + body)
    except BrokenPipeError:
        pass  # The vnet refused the connection; the reason is in the reply.
    answer = {}
    while True:
        header = sock.recv(16, socket.MSG_WAITALL)
        if len(header) < 16:
            return {'error': 'closed'}
        size, kind, _, _, _ = struct.unpack('=IHHII', header)
        payload = sock.recv((size + 3 & ~3) - 16, socket.MSG_WAITALL)[:size - 16]
        if kind == NLMSG_ERROR:
            error, = struct.unpack_from('=i', payload)
            told = attributes(payload[20:])
            text = bytes.fromhex(told[1]).rstrip(b'\0').decode() if 1 in told else None
            return {**answer, 'error': error, **({'text': text} if text else {})}
        answer = attributes(payload[4:])


def ioctl(name, number, text):
    ifreq = struct.pack('=16sQ16x', name.encode(), 0)
    answer = ask(9, attribute(2, name.encode()) + attribute(23, struct.pack('=I', SIOCDEVPRIVATE + int(number)))
                 + attribute(24, ifreq) + attribute(26, bytes.fromhex(text)))
    result, = struct.unpack('=i', bytes.fromhex(answer[27]))
    return {'result': result, 'data': answer.get(26)}


for request in sys.argv[2:]:
    if request.startswith('IOCTL='):
        print(json.dumps(ioctl(*request[6:].split(','))))
    else:
        command, *rest = request.split(':')
        pairs = [each.split('=') for each in rest]
        print(json.dumps(ask(int(command), b''.join(attribute(int(k), bytes.fromhex(v)) for k, v in pairs))))
