"""unread-output.py pty|pipe COMMAND...: runs COMMAND with its output on a terminal or a pipe that is not read.

Reads the output until the line `ready`, prints `ready`, and stops reading; a terminal is stopped as by
Ctrl-S. The line `read` on standard input resumes reading, and prints what is read. The line `end`
sends SIGTERM and prints the exit status.
"""
import os, pty, signal, subprocess, sys, termios, threading

kind, command = sys.argv[1], sys.argv[2:]
read, write = pty.openpty() if kind == 'pty' else os.pipe()
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=write)
text = b''
while b'ready' not in text:
    text += os.read(read, 4096)
print('ready', flush=True)
if kind == 'pty':
    termios.tcflow(write, termios.TCOOFF)


def copy():
    while True:
        os.write(1, os.read(read, 65536))


for line in sys.stdin:
    if line == 'read\n':
        if kind == 'pty':
            termios.tcflow(write, termios.TCOON)
        threading.Thread(target=copy, daemon=True).start()
    elif line == 'end\n':
        child.send_signal(signal.SIGTERM)
        print(f'status {child.wait()}', flush=True)
        os._exit(0)
child.kill()
