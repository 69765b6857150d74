"""terminal.py COMMAND... -- EXPECTED TYPED EXPECTED TYPED...: runs a command on a terminal of its own. Types each
text after the terminal has shown the text before it. Writes what the terminal showed until its end."""
import os
import pty
import sys

words = [os.fsencode(word) for word in sys.argv[1:]]
at = words.index(b"--")
command, steps = words[:at], [word.decode("unicode_escape").encode("latin1") for word in words[at + 1 :]]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = seen = b""
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:  # the command has closed the terminal
        more = b""
    if not more:
        break
    shown += more
    seen += more
    while steps and steps[0] in seen:
        seen = seen[seen.index(steps[0]) + len(steps[0]) :]
        os.write(fd, steps[1])
        del steps[:2]
os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
