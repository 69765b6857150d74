#!/usr/bin/python3
"""Checks how long a NAT and a neighbour table keep their entries."""
import os
import socket
import subprocess
import sys
import time

server, router = os.environ["VNET_IP4_SERVER"], os.environ["VNET_IP4_HOME__CLIENT"]


def check(holds, what):
    print(what, flush=True)
    if not holds:
        sys.exit("this was not expected")


def new_socket():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(300)
    return udp


def replied(udp, seconds):
    """Returns whether a reply arrives that the server sends after so many seconds."""
    udp.sendto(b"%d" % seconds, (server, 7))
    try:
        return udp.recv(100) == b"%d" % seconds
    except TimeoutError:
        return False


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def state():
    return output("ip", "neigh", "show", router).split()[-1]


def lasts(name):
    """Returns for how many seconds the neighbour has a state."""
    start = time.monotonic()
    while state() == name:
        time.sleep(1)
    return round(time.monotonic() - start)


check(replied(new_socket(), 29), "the first reply arrives after 29 s")
check(not replied(new_socket(), 31), "it is lost after 31 s")
stream = new_socket()
check(all([(replied(stream, 1)) for _ in range(4)]), "four replies, a second each")
check(replied(stream, 119), "the next one arrives after 119 s")
check(not replied(stream, 121), "it is lost after 121 s")

# The lab has made entries that last.
output("ip", "neigh", "flush", "all")
output("ping", "-c1", router)
with open("/tmp/home.pid") as file:
    output("nsenter", "--net", "--target", file.read().strip(), "ip", "link", "set", "client", "arp", "off")
seconds = lasts("REACHABLE")
check(14 <= seconds <= 46, f"the neighbour is REACHABLE for {seconds} s")
time.sleep(3600)
check(state() == "STALE", f"an hour later it is {state()}")
# An entry that is stale is only checked when it is used.
new_socket().sendto(b"0", (server, 7))
seconds = lasts("DELAY")
check(5 <= seconds <= 6, f"it is DELAY for {seconds} s")
seconds = lasts("PROBE")
check(3 <= seconds <= 4, f"it is PROBE for {seconds} s")
check(state() == "FAILED", f"then it is {state()}")
