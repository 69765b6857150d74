"""A client of warm.py in each way of ending."""

import atexit
import os
import signal
import subprocess
import sys

import warmed


def show():
    loaded = "before" if warmed.pid == os.getppid() else "after"
    about = [" ".join(sys.argv[1:]), os.getcwd(), os.environ["HOME"], sys.stdin.read(), loaded]
    print("|".join(about))
    print("an error", file=sys.stderr)
    sys.exit(3)


def bytes_of_all_kinds():
    sys.stdout.buffer.write(b"\0\xff\n")


def end():
    atexit.register(print, "at the end")
    print("in time")


def kill():
    os.kill(os.getpid(), signal.SIGTERM)


def fail():
    raise ValueError("a wrong value")


def hang():
    child = subprocess.Popen(["sleep", "1000"])
    print(child.pid, flush=True)
    child.wait()


WAYS = {"show": show, "bytes": bytes_of_all_kinds, "end": end, "kill": kill, "fail": fail, "hang": hang}
if __name__ == "__main__":
    WAYS[sys.argv[1]]()
