"""Calls of the peers that are not Python: scripts beside this file, with the packages that script/bootstrap installed."""
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / "build" / "tools"
PEERS = TOOLS / "interop"
NODE = str(TOOLS / "node" / "bin" / "node")


def environment():
    return {**os.environ, "SL_PEERS": str(PEERS)}


def node(script, **request):
    """The answer of a script, which takes one JSON object and gives one."""
    done = subprocess.run([NODE, str(HERE / script), json.dumps(request)], env=environment(), timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
