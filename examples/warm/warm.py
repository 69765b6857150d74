"""warm.py MODULE...: imports the modules once, and runs scripts that need them in forks.

It prints `ready`. Each line of its input is a script to run, in JSON:
{"argv": ["script.py", "argument"], "cwd": "/directory", "within": 10}. The reply is a line with
{"status", "out", "err", "hung"}: a status that is negative is a signal, and the output is in
base64. After that many seconds a script is killed, with the processes that it has started.
"""

import base64
import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import sys
import tempfile


def become(script, arguments, cwd, files):
    """Makes a child the process of a script, with a session, a home and files of its own."""
    os.setsid()
    os.chdir(cwd)
    os.environ["HOME"] = cwd
    for target, file in enumerate(files):
        os.dup2(file.fileno(), target)
    sys.stdin = open(0)
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    runpy.run_path(script, run_name="__main__")
    # The child ends like the interpreter: it joins threads, and runs the handlers of atexit.
    sys.exit()


def run(argv, cwd, within):
    script = os.path.abspath(argv[0])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as none:
        child = os.fork()
        if child == 0:
            become(script, argv[1:], cwd, (none, out, err))
        end = os.pidfd_open(child)
        hung = select.select([end], [], [], within)[0] == []
        os.close(end)
        # A child that has just started is not yet the leader of a group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        texts = [base64.b64encode(file.read()).decode() for file in (out, err)]
    return {"status": status, "out": texts[0], "err": texts[1], "hung": hung}


for name in sys.argv[1:]:
    importlib.import_module(name)
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    reply = run(request["argv"], request["cwd"], request["within"])
    print(json.dumps(reply), flush=True)
