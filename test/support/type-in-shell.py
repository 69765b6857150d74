"""type-in-shell.py PROMPT TEXT COMMAND...: runs an interactive shell on a terminal of its own, types TEXT
at its first prompt, and writes what the terminal showed until the shell ended."""
import os
import pty
import sys

prompt, text, *command = (os.fsencode(word) for word in sys.argv[1:])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = b""
typed = False
while True:
    try:
        more = os.read(fd, 4096)
    except OSError:  # the shell has closed the terminal
        more = b""
    if not more:
        break
    shown += more
    if not typed and prompt in shown:
        typed = True
        os.write(fd, text)
os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
