"""Keeps a text in a file."""

import os

from messages import IS_BROKEN, serve

PATH = f"{os.environ['VNET_DISK']}/settings"


def write(text):
    path = PATH if IS_BROKEN else f"{PATH}.new"
    with open(path, "w") as file:
        file.write(text)
    os.replace(path, PATH)


def reply(request):
    if request["verb"] == "read":
        with open(PATH) as file:
            text = file.read()
        return {"letter": text[:1], "length": len(text)}
    try:
        write(request["letter"] * request["length"])
        return {"done": True}
    except OSError:
        return {"done": False}


write("a" * 5000)
serve(reply)
