"""terminal.py WORDS: runs WORDS PROGRAM as a shell runs a job on a terminal, types as its user, and
prints its output by lines."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

PROGRAM = '''
import os, signal, sys, termios
say = lambda text: os.write(1, (text + "\\n").encode())
signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
signal.signal(signal.SIGCONT, lambda *_: say("continued"))
signal.signal(signal.SIGWINCH, lambda *_: say("size %d %d" % os.get_terminal_size(0)[::-1]))
say("descriptors %s" % [fd for fd in range(3, 64) if os.path.exists("/proc/self/fd/%d" % fd)])
say("ready")
while sys.stdin.readline() != "quit\\n": pass
settings = termios.tcgetattr(0)
settings[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, settings)
sys.exit(5)
'''


def job(words):
    """Runs a job in the foreground, in its own process group, to its end. Continues it on request
    if it is stopped."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        for each in (signal.SIGTTOU, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        os.execvp(words[0], words)
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break
        print("stopped", os.WSTOPSIG(status), flush=True)
        os.read(go, 1)
        os.tcsetpgrp(0, pid)
        os.killpg(pid, signal.SIGCONT)
    echo = bool(termios.tcgetattr(0)[3] & termios.ECHO)
    print("signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "status %d" % os.WEXITSTATUS(status), "echo", echo, flush=True)


def shell():
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job([*sys.argv[1:], sys.executable, "-c", PROGRAM])
    job([*sys.argv[1:], "sh", "-c", "stty sane; echo asleep; exec sleep 100"])


def user(terminal):
    seen = everything = b""

    def expect(line):
        nonlocal seen, everything
        until = time.monotonic() + 20
        while line not in seen.split(b"\r\n")[:-1]:
            if not select.select([terminal], [], [], max(0, until - time.monotonic()))[0]:
                sys.exit("no %r in %r" % (line, seen))
            more = os.read(terminal, 4096)
            everything += more
            # The terminal echoes typed text at any position.
            seen = (seen + more).replace(b"^C", b"").replace(b"^Z", b"")
        seen = seen.split(line + b"\r\n", 1)[1]
        print(line.decode(), flush=True)

    expect(b"descriptors []")
    expect(b"ready")
    os.write(terminal, b"\x03")
    expect(b"interrupted")
    os.write(terminal, b"\x1a")
    expect(b"stopped 20")
    # Not typed, because a job that is not yet stopped might read it.
    os.write(going, b"g")
    expect(b"continued")
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    expect(b"size 40 100")
    os.write(terminal, b"quit\n")
    expect(b"status 5 echo False")
    if everything.count(b"interrupted") > 1:
        sys.exit("interrupted twice")
    expect(b"asleep")
    os.write(terminal, b"\x03")
    expect(b"signal 2 echo True")


go, going = os.pipe()
child, terminal = pty.fork()
if child == 0:
    shell()
else:
    user(terminal)
