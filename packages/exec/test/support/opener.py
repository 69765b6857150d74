"""A root process receives a generic netlink socket that a child with uid `sys.argv[1]` opened, and
sends a request that requires CAP_NET_ADMIN of the opener (TCP_METRICS_CMD_DEL). Prints the owner of
the socket and the error."""
import array, os, socket, struct, sys

user = int(sys.argv[1])
ours, theirs = socket.socketpair()
if os.fork() == 0:
    if user != 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    theirs.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [opened.fileno()]))])
    os._exit(0)
ancillary = ours.recvmsg(1, socket.CMSG_SPACE(4))[1]
opened = socket.socket(fileno=struct.unpack('i', ancillary[0][2][:4])[0])
os.wait()


def request(kind, command, attributes=b''):
    body = struct.pack('<BBH', command, 1, 0) + attributes
    opened.send(struct.pack('<IHHII', 16 + len(body), kind, 5, 1, 0) + body)
    return opened.recv(65536)


answer = request(16, 3, struct.pack('<HH', 4 + 12, 2) + b'tcp_metrics\0')
at = 20
while struct.unpack_from('<H', answer, at + 2)[0] != 1:
    at += (struct.unpack_from('<H', answer, at)[0] + 3) & ~3
family = struct.unpack_from('<H', answer, at + 4)[0]
while struct.unpack_from('<H', answer, 4)[0] != 2:
    answer = opened.recv(65536)
error = struct.unpack_from('<i', request(family, 2), 16)[0]
print(os.fstat(opened.fileno()).st_uid, error)
