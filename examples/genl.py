"""
Generic netlink over a plain socket, to the kernel or to a vnet, for echo.py and reset_stats.py:
resolves a family, sends a request, waits for the reply.
"""
import errno
import os
import socket
import struct

NETLINK_GENERIC = 16
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
NLA_TYPE_MASK = 0x3FFF
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2


class Genl:
    """A socket to the kernel, or to the vnet with the socket `path`. Failures are OSErrors."""

    def __init__(self, path=None):
        if path is None:
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.connect(path)

    def receive(self):
        """Receives a datagram of several messages from the kernel, or a message from a vnet."""
        if self.sock.family != socket.AF_UNIX:
            return self.sock.recv(16384)
        head = self.sock.recv(16, socket.MSG_WAITALL)
        if len(head) < 16:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        length = (struct.unpack_from('=I', head)[0] + 3) & ~3
        return head + self.sock.recv(length - 16, socket.MSG_WAITALL)

    def resolve(self, name):
        """Returns the number of a family by its name."""
        reply = self.ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name)
        return struct.unpack('=H', reply[CTRL_ATTR_FAMILY_ID])[0]

    def ask(self, family, cmd, attr, text):
        """Sends a request with one attribute, a string. Returns the reply: attributes by type."""
        data = text.encode() + b'\0'
        nla = struct.pack('=HH', 4 + len(data), attr) + data + bytes(-len(data) % 4)
        genlmsg = struct.pack('=BBH', cmd, 1, 0) + nla
        nlmsghdr = struct.pack('=IHHII', 16 + len(genlmsg), family, NLM_F_REQUEST | NLM_F_ACK, 1, 0)
        self.sock.sendall(nlmsghdr + genlmsg)
        reply = {}
        while True:
            datagram = self.receive()
            while datagram:
                length, kind = struct.unpack_from('=IH', datagram)
                message, datagram = datagram[16:length], datagram[(length + 3) & ~3:]
                if kind == NLMSG_ERROR:
                    error, = struct.unpack_from('=i', message)
                    if error == 0:
                        return reply
                    raise OSError(-error, os.strerror(-error))
                reply.update(attributes(message[4:]))


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from('=HH', data)
        found[kind & NLA_TYPE_MASK] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found
