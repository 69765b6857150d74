"""Attaches a queue to a multi-queue TAP, as a stranger who may open /dev/net/tun.

attach-queue.py NAME...          prints the name of the error for each interface, or 'attached'
attach-queue.py --poll NAME...   prints 'polling', tries all the time until standard input ends, and
                                 prints how many attempts succeeded, and whether there were any
"""
import errno, fcntl, os, select, struct, sys

TUNSETIFF = 0x400454CA
TUNSETPERSIST = 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x0002, 0x1000, 0x0100


def attach(name):
    """Returns 0 or an errno. Keeps an interface that it gets."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE)
        fcntl.ioctl(fd, TUNSETIFF, request)
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
        return 0
    except OSError as error:
        return error.errno
    finally:
        os.close(fd)


names = sys.argv[1:]
if names[0] != "--poll":
    print(*[errno.errorcode.get(attach(name), "attached") for name in names])
    sys.exit()
print("polling", flush=True)
successes = attempts = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for name in names[1:]:
        successes += attach(name) == 0
        attempts += 1
print(successes, "of some" if attempts > 0 else "of none")
