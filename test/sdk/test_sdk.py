"""Clients that four generators make of docs/openapi.yaml: generated, compiled and run against the service. Each reserves two references,
revokes one and is refused for an index that is not there, and prints what it has learnt from the types that were made for it."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from processes import ROOT

HERE, TOOLS = pathlib.Path(__file__).resolve().parent, ROOT / "build" / "tools"
SDK, NODE = TOOLS / "sdk", TOOLS / "node" / "bin"
DESCRIPTION = ROOT / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def service(shared_fixture):
    return shared_fixture.service(pools={"tests": {"size": 1000}}).start()


def run(*argv, cwd=None, **env):
    done = subprocess.run([str(a) for a in argv], cwd=cwd, text=True, capture_output=True, timeout=600, env={**os.environ, **env})
    assert done.returncode == 0, (argv, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout + done.stderr, done.stdout


def typescript(d):
    shutil.copytree(HERE / "typescript", d, dirs_exist_ok=True)
    (d / "node_modules").symlink_to(SDK / "node_modules")
    (d / "package.json").write_text('{"type": "module"}')
    path = {"PATH": f"{NODE}:{os.environ['PATH']}"}
    run("node_modules/.bin/openapi-typescript", DESCRIPTION, "-o", "api.d.ts", cwd=d, **path)
    run("node_modules/.bin/tsc", "-p", ".", cwd=d, **path)
    return [NODE / "node", "--experimental-strip-types", "--no-warnings", d / "run.ts"]


def python(d):
    tools = SDK / "python" / "bin"
    shutil.copy(HERE / "python" / "run.py", d)
    told, _ = run(tools / "openapi-python-client", "generate", "--path", DESCRIPTION, "--output-path", "client", "--meta", "none", cwd=d,
                  PATH=f"{tools}:{os.environ['PATH']}")
    # It has no type for a token and for YAML, and says so; of everything else it makes one.
    told = " ".join(told.split())
    assert re.findall(r"Unsupported content_type ([^)]*)\)", told) == ["application/statuslist+jwt, application/statuslist+cwt", "application/yaml"], told
    assert told.count("WARNING") == 2, told
    run(tools / "python", "-m", "compileall", "-q", d)
    return [tools / "python", d / "run.py"]


def go(d):
    for name in ("go.mod", "go.sum", "main.go", "oapi-codegen.yaml"):
        shutil.copy(HERE / "go" / name, d)
    (d / "api").mkdir()
    run(SDK / "oapi-codegen", "-config", "oapi-codegen.yaml", DESCRIPTION, cwd=d)
    run((SDK / "go").read_text().strip(), "build", "-mod=readonly", "-o", "run", ".", cwd=d)
    return [d / "run"]


def java(d):
    jars = SDK / "jars"
    generator, = jars.glob("openapi-generator-cli-*.jar")
    run("java", "-jar", generator, "generate", "-g", "java", "--library", "native", "-i", DESCRIPTION, "-o", "made", "--api-package",
        "statuslist.api", "--model-package", "statuslist.model", "--invoker-package", "statuslist", "--additional-properties=useJakartaEe=true",
        "--global-property", "apis,models,supportingFiles,apiTests=false,modelTests=false,apiDocs=false,modelDocs=false", cwd=d)
    sources = sorted((d / "made" / "src" / "main" / "java").rglob("*.java"))
    assert not [s for s in sources if s.name.startswith("Inline")], "a schema without a name"
    run("javac", "-nowarn", "-d", "classes", "-cp", f"{jars}/*", *sources, HERE / "java" / "Run.java", cwd=d)
    return ["java", "-cp", f"{d}/classes:{jars}/*", "Run"]


@pytest.mark.parametrize("make", [typescript, python, go, java])
def test_a_generated_client(service, make, tmp_path):
    command = make(tmp_path)
    _, out = run(*command, f"http://127.0.0.1:{service.issuer[1]}", service.key("tests"))
    told = json.loads(out)
    assert int(told.pop("version")) > 0
    assert told == {"references": 2, "updated": 204, "status": 400, "code": "INDEX_OUT_OF_BOUNDS"}
