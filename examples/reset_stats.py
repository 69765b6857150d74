"""
reset_stats: sets the statistics of an interface to 0, with the private ioctl
VNET_IOCTL_RESET_STATS of its driver.

    sudo vnet exec python3 reset_stats.py vnet0        as a program for a driver in the kernel
    sudo python3 reset_stats.py --direct SOCKET vnet0  for a vnet; `vnet list --json` prints SOCKET
"""
import fcntl
import socket
import struct
import sys

from genl import Genl

VNET_IOCTL_RESET_STATS = 0x89F0  # SIOCDEVPRIVATE + 0

VNET_CMD_RESET_STATS = 4
VNET_ATTR_IFNAME = 2


def by_ioctl(name):
    ifreq = struct.pack('16s24x', name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, VNET_IOCTL_RESET_STATS, ifreq)


def by_family(path, name):
    genl = Genl(path)
    genl.ask(genl.resolve('vnet_nl'), VNET_CMD_RESET_STATS, VNET_ATTR_IFNAME, name)


is_direct = sys.argv[1:2] == ['--direct']
if len(sys.argv) != (4 if is_direct else 2):
    print('usage: reset_stats.py [--direct SOCKET] IF', file=sys.stderr)
    sys.exit(2)
path, name = (sys.argv[2] if is_direct else None), sys.argv[-1]
try:
    by_family(path, name) if path else by_ioctl(name)
except OSError as error:
    sys.exit(f'reset_stats: {name}: {error.strerror}')
print(f'{name}: statistics reset')
