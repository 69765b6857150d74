"""hostile.py PID PATH...: attacks what is around it. PID is a process outside, by its number there, and each PATH a
directory of control sockets. Writes JSON: for each attack the error that refused it, or what it got."""
import array
import ctypes
import errno
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys

listed = os.open("/proc/self/fd", os.O_RDONLY)
descriptors = [name for name in os.listdir("/proc/self/fd") if int(name) < listed]
os.close(listed)
outside, directories = int(sys.argv[1]), sys.argv[2:]
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
PIDFD_OPEN, PIDFD_GETFD = 434, 438
TUNSETIFF, IFF_TAP_NO_PI = 0x400454CA, 0x1002
got = {}


def attack(name, call):
    try:
        got[name] = call()
    except OSError as error:
        got[name] = errno.errorcode[error.errno]


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def syscall(*arguments):
    return check(libc.syscall(*arguments))


def read(path):
    with open(path, "rb") as file:
        return len(file.read(64))


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return "written"


def command(*words):
    """Why a program fails, or its output."""
    done = subprocess.run(words, capture_output=True, text=True)
    denied = re.search("not permitted|permission denied|superuser", done.stderr, re.IGNORECASE)
    return "denied" if done.returncode != 0 and denied else done.stdout + done.stderr


def in_user_namespace(*words):
    """The same by a program that is root of a user namespace and a mount namespace of its own."""
    return command("unshare", "-Urm", *words)


def tap():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", b"internet", IFF_TAP_NO_PI))
    return "attached"


def process_vm():
    buffer = ctypes.create_string_buffer(8)
    local = array.array("L", [ctypes.addressof(buffer), 8])
    remote = array.array("L", [0x400000, 8])
    address = lambda words: ctypes.c_void_p(words.buffer_info()[0])
    return check(libc.process_vm_readv(1, address(local), 1, address(remote), 1, 0))


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.connect(address)
    return "connected"


for name, pid in (("the first process", 1), ("a process outside", outside)):
    attack(f"SIGKILL to {name}", lambda: os.kill(pid, 9))
    attack(f"ptrace of {name}", lambda: check(libc.ptrace(PTRACE_SEIZE, pid, 0, 0)))
    attack(f"memory of {name}", lambda: read(f"/proc/{pid}/mem"))
    attack(f"environment of {name}", lambda: read(f"/proc/{pid}/environ"))
    attack(f"a descriptor of {name}", lambda: os.open(f"/proc/{pid}/fd/0", os.O_RDONLY))
    attack(f"root directory of {name}", lambda: os.listdir(f"/proc/{pid}/root/"))
    attack(f"working directory of {name}", lambda: os.listdir(f"/proc/{pid}/cwd/"))
    attack(f"network namespace of {name}", lambda: os.open(f"/proc/{pid}/ns/net", os.O_RDONLY))
attack("process_vm_readv", process_vm)
attack("pidfd_getfd", lambda: syscall(PIDFD_GETFD, syscall(PIDFD_OPEN, 1, 0), 0, 0))
got["first process alive"] = os.path.exists("/proc/1")
got["processes"] = sorted(open(f"/proc/{pid}/comm").read().strip() for pid in os.listdir("/proc") if pid.isdigit())
got["descriptors"] = descriptors
got["variables"] = [name for name in os.environ if name.startswith("VNET_")]

attack("interface", lambda: command("ip", "link", "set", "internet", "down"))
attack("address", lambda: command("ip", "address", "add", "198.18.99.9/32", "dev", "internet"))
attack("route", lambda: command("ip", "route", "delete", "default"))
attack("rule", lambda: command("ip", "rule", "add", "prio", "9", "table", "9"))
attack("queue", lambda: command("tc", "qdisc", "add", "dev", "internet", "root", "pfifo"))
attack("nftables", lambda: command("nft", "add", "table", "t"))
attack("sysctl", lambda: write("/proc/sys/net/ipv4/ip_forward", "1"))
attack("MTU", lambda: write("/sys/class/net/internet/mtu", "1280"))
attack("the TAP", tap)
attack("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).fileno())
attack("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno())
attack("interface, by a user namespace", lambda: in_user_namespace("ip", "link", "set", "internet", "down"))
attack("packet socket, by a user namespace", lambda: in_user_namespace("tcpdump", "-c1", "-i", "internet"))
attack("network namespace, by a user namespace", lambda: in_user_namespace("nsenter", "--net=/proc/1/ns/net", "true"))

attack("mount", lambda: command("mount", "-t", "tmpfs", "none", "/mnt"))
attack("processes beneath", lambda: in_user_namespace("sh", "-c", f"umount /proc 2>/dev/null; ls -d /proc/{outside} 2>/dev/null"))
for number, path in enumerate(directories):
    attack(f"sockets {number}", lambda: os.listdir(path))
    attack(f"new socket {number}", lambda: write(f"{path}/x.sock", ""))
    attack(f"removal {number}", lambda: os.rmdir(path))
    attack(f"renaming {number}", lambda: os.rename(path, f"{path}-away"))
    attack(f"sockets beneath {number}", lambda: in_user_namespace("sh", "-c", f"umount {path} 2>/dev/null; ls -A {path}"))
    attack(f"sockets by the first process {number}", lambda: os.listdir(f"/proc/1/root{path}"))
for family, address in ((socket.AF_INET, ("127.0.0.1", 7070)), (socket.AF_INET, ("0.0.0.0", 7070)),
                        (socket.AF_INET6, ("::1", 7070)), (socket.AF_INET6, ("::ffff:127.0.0.1", 7070)),
                        (socket.AF_UNIX, b"\0vnet-of-machine")):
    attack(f"server at {address[0] if family != socket.AF_UNIX else 'an abstract socket'}", lambda: connect(family, address))
print(json.dumps(got))
