"""deny-calls.py NAME[,NAME] COMMAND [ARGS...]: executes the command under a seccomp filter that
denies system calls with EPERM, as that of a container does. `new-user` denies unshare(2) with
CLONE_NEWUSER only, as RestrictNamespaces= of systemd does."""
import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
NUMBERS = {
    "x86_64": {"unshare": 272, "mount": 165, "setns": 308, "close_range": 436},
    "aarch64": {"unshare": 97, "mount": 40, "setns": 268, "close_range": 436},
}[os.uname().machine]
CLONE_NEWUSER = 0x10000000
LOAD, JEQ, JSET, RET = 0x20, 0x15, 0x45, 0x06
ALLOW, EPERM = 0x7FFF0000, 0x00050000 | 1
NR, ARG0 = 0, 16


def instruction(code, k, jt=0, jf=0):
    return struct.pack("HBBI", code, jt, jf, k)


program = []
for name in sys.argv[1].split(","):
    program.append(instruction(LOAD, NR))
    if name == "new-user":
        program.append(instruction(JEQ, NUMBERS["unshare"], 0, 3))
        program.append(instruction(LOAD, ARG0))
        program.append(instruction(JSET, CLONE_NEWUSER, 0, 1))
    else:
        program.append(instruction(JEQ, NUMBERS[name], 0, 1))
    program.append(instruction(RET, EPERM))
program.append(instruction(RET, ALLOW))
filter = ctypes.create_string_buffer(b"".join(program))
fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
for option, value, pointer in (
    (PR_SET_NO_NEW_PRIVS, 1, None),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog),
):
    if libc.prctl(option, ctypes.c_ulong(value), pointer, 0, 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[2], sys.argv[2:])
