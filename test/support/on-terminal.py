"""on-terminal.py COMMAND... -- EXPECTED TYPED EXPECTED TYPED...: runs a command on a terminal of its own, types
each text after the terminal has shown the text before it, and writes what the terminal shows until its end."""
import os
import pty
import sys

words = [os.fsencode(word) for word in sys.argv[1:]]
at = words.index(b"--")
command, steps = words[:at], words[at + 1 :]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:  # the command has closed the terminal
        more = b""
    if not more:
        break
    sys.stdout.buffer.write(more)
    sys.stdout.buffer.flush()
    seen += more
    while steps and steps[0] in seen:
        seen = seen[seen.index(steps[0]) + len(steps[0]) :]
        os.write(fd, steps[1])
        del steps[:2]
os.waitpid(pid, 0)
