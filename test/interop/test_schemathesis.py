"""A client that makes its requests up from docs/openapi.yaml finds no 5xx but what is described, and no answer that is not."""
import json
import os
import re
import subprocess
import sys
import time

from description import PATH
from processes import free_port
from peers import HERE

SECONDS = {"public": 30, "operations": 15}  # of making requests up


def run(url, tags, facts, directory, key=None):
    report = directory / "report.txt"
    command = [str(os.path.join(os.path.dirname(sys.executable), "st")), "--config-file", str(HERE / "schemathesis.toml"),
               "run", str(PATH), "--url", url, "--checks", "all", "--max-time", str(SECONDS[tags[0]]), "--max-examples", "200",
               "--seed", "1", "--generation-database", "none", "--no-color", "--continue-on-failure", "--request-timeout", "20"]
    command += [w for tag in tags for w in ("--include-tag", tag)]
    if key is not None:
        command += ["--header", f"X-Api-Key: {key}"]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "live", "PYTHONPATH": str(HERE), "SL_FACTS": json.dumps(facts),
           "PYTHONDONTWRITEBYTECODE": "1"}
    begun = time.monotonic()
    with open(report, "w") as out:
        code = subprocess.run(command, env=env, cwd=directory, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                              timeout=300).returncode
    text = report.read_text()
    assert code == 0, text[-6000:]
    made = re.search(r"(\d+) generated", text)
    assert made and int(made[1]) > 100, text[-3000:]
    print(f"{int(made[1])} test cases in {time.monotonic() - begun:.0f} s")
    return text


def test_public_and_issuer(fixture, tmp_path):
    service = fixture.service(pools={"tests": {"prefetch": {"threshold": 200, "capacity": 400}}, "other": {}}).start()
    with service.client() as c:
        uri, _ = c.reserve()[0]
    facts = {"list-id": uri.rpartition("/")[2], "uri": uri, "pool": "tests", "size": 1000}
    run("http://%s:%d" % service.public, ("public", "issuer"), facts, tmp_path, service.key("tests"))
    service.alive()
    with service.client() as c:
        assert c.fetch(uri).status == 200


def test_operations(fixture, tmp_path):
    port = free_port()
    service = fixture.service(listen={"ops": f"127.0.0.1:{port}"})
    service.ops = ("127.0.0.1", port)
    service.start()
    run(f"http://127.0.0.1:{port}", ("operations",), {"list-id": "x", "uri": "x", "pool": "tests", "size": 1000}, tmp_path)
    service.alive()
