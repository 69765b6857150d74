"""The fixture `lab`: the network of lab.yaml beside the test, made once and reset for each test."""
import itertools
import json
import os
import shlex
import subprocess
import threading
from concurrent.futures import Future

import pytest

VNET = shlex.split(os.environ.get("VNET", "npx --no-install vnet"))
SECONDS = 60


class LabError(Exception):
    """A request that the lab has refused."""


class Lab:
    def __init__(self, file):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*VNET, "lab", "--json", str(file)], stdin=pipe, stdout=pipe, text=True)
        self._ids = itertools.count(1)
        self._pending = {}
        greeting = self._process.stdout.readline()
        if greeting == "":
            pytest.fail(f"vnet lab has ended with status {self._process.wait()}", pytrace=False)
        self.hosts = json.loads(greeting)["hosts"]
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for response in map(json.loads, self._process.stdout):
            future = self._pending.pop(response["id"])
            if "error" in response:
                future.set_exception(LabError(response["error"]))
            else:
                future.set_result(response["result"])

    def begin(self, method, **params):
        """Sends a request of packages/lab/docs/lab.md. Returns a Future of its result."""
        number, future = next(self._ids), Future()
        self._pending[number] = future
        self._process.stdin.write(json.dumps({"id": number, "method": method, "params": params}) + "\n")
        self._process.stdin.flush()
        return future

    def __getattr__(self, method):
        """lab.cut(link="backup") sends a request and returns its result."""
        return lambda **params: self.begin(method, **params).result(SECONDS)


@pytest.fixture(scope="session")
def labs():
    labs = {}
    yield labs
    for lab in labs.values():
        lab._process.stdin.close()
        lab._process.wait(SECONDS)


@pytest.fixture
def lab(request, labs):
    file = request.path.with_name("lab.yaml")
    if file in labs:
        labs[file].reset()
    else:
        labs[file] = Lab(file)
    return labs[file]
