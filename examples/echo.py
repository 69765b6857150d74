"""
echo: sends a text to the driver over the generic netlink family vnet_nl and prints the reply. Uses
only Python's own modules and genl.py.

    sudo vnet exec python3 echo.py TEXT   as a program for a driver in the kernel, unaware of vnet
    python3 echo.py --direct SOCKET TEXT  talks to the vnet itself; `vnet list --json` prints SOCKET
"""
import sys

from genl import Genl

VNET_CMD_ECHO = 1
VNET_ECHO_ATTR_TEXT = 1

path, words = (sys.argv[2], sys.argv[3:]) if sys.argv[1:2] == ['--direct'] else (None, sys.argv[1:])
text = ''.join(words[:1]) or 'hello'
try:
    genl = Genl(path)
    reply = genl.ask(genl.resolve('vnet_nl'), VNET_CMD_ECHO, VNET_ECHO_ATTR_TEXT, text)
except OSError as error:
    sys.exit(f'echo: vnet_nl: {error.strerror}')
print(reply[VNET_ECHO_ATTR_TEXT].rstrip(b'\0').decode())
