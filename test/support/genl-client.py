"""A generic netlink client with plain sockets: python3 genl-client.py SOCKET, the socket of a vnet.

Prints as JSON the number of the family vnet_nl, the error for another name, the names of the
devices, and the refusal of a request with an unknown attribute.
"""
import json
import socket
import struct
import sys

REQUEST, ACK, DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.settimeout(10)
sock.connect(sys.argv[1])
sequence = 0


def attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack('=HH', size, kind) + payload + bytes(-size % 4)


def attributes(octets):
    found = {}
    while len(octets) >= 4:
        size, kind = struct.unpack_from('=HH', octets)
        found[kind & 0x3fff] = octets[4:size]
        octets = octets[(size + 3) & ~3:]
    return found


def ask(family, command, flags, octets):
    """Returns the attributes of each reply, and the error with its extended acknowledgement."""
    global sequence
    sequence += 1
    body = struct.pack('=BBH', command, 1, 0) + octets
    header = struct.pack('=IHHII', 16 + len(body), family, REQUEST | ACK | flags, sequence, 0)
    sock.sendall(header + body)
    answers = []
    while True:
        size, kind, _, number, _ = struct.unpack('=IHHII', sock.recv(16, socket.MSG_WAITALL))
        assert number == sequence
        payload = sock.recv((size + 3 & ~3) - 16, socket.MSG_WAITALL)[:size - 16]
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            error, = struct.unpack_from('=i', payload)
            return answers, error, attributes(payload[20 if kind == NLMSG_ERROR else 4:])
        answers.append(attributes(payload[4:]))


def resolve(name):
    answers, error, _ = ask(0x10, 3, 0, attribute(2, name.encode() + b'\0'))
    return struct.unpack('=H', answers[0][1])[0] if error == 0 else error


family = resolve('vnet_nl')
devices, _, _ = ask(family, 2, DUMP, b'')
_, error, told = ask(family, 2, 0, attribute(77, b''))
print(json.dumps({
    'family': family,
    'nosuch': resolve('nosuch'),
    'devices': [device[2].rstrip(b'\0').decode() for device in devices],
    'unknownAttribute': {
        'error': error,
        'message': told[1].rstrip(b'\0').decode(),
        'offset': struct.unpack('=I', told[2])[0],
    },
}))
