"""The k6 scripts are right: by the types of k6's modules, and by running each for a moment against a real service. The load tool is a
stand-in (perf/k6/standin), so nothing is timed here; what it accepts and what it refuses is tried too."""
import pathlib
import shutil
import subprocess

import pytest

from bench.load import BadAnswers, k6

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "perf" / "k6"
TOOLS = ROOT / "build" / "tools"
SECONDS = 1

# What each script is run with; a script that is not here fails the test below.
RUNS = {
    "fetch-status-list.js": [{"REVOKE": 500}],
    "update-status.js": [{}],
    "batch-update-status.js": [{"BATCH": 20}],
    "fetch-reference-basic.js": [{}],
    "fetch-reference-bulk.js": [{}],
    "fetch-reference-unlimited.js": [{}, {"POOL": "fails"}],
    "end-to-end.js": [{}],
    "mixed.js": [{}],
    "soak.js": [{"RATE": 100}],
    "breakpoint.js": [{"TARGET": 200, "LIMIT": 10000}],
}
SHARED = {"lib.js", "inflate.js", "traffic.js"}


def types_of(folder):
    """What the compiler says of the scripts in a folder; nothing when they are right."""
    done = subprocess.run([TOOLS / "node" / "bin" / "node", TOOLS / "k6-types" / "node_modules" / "typescript" / "bin" / "tsc",
                           "-p", "."], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


def run(service, script, users=4, seconds=SECONDS, **settings):
    pool = settings.pop("POOL", "tests")
    return k6(str(script), service.process, service.public[1], seconds, users, pool, service.key(pool), SAMPLE=5, **settings)


def test_the_scripts_agree_with_the_types_of_k6():
    assert types_of(SCRIPTS) == ""


def test_every_script_is_run_here():
    assert {p.name for p in SCRIPTS.glob("*.js")} == RUNS.keys() | SHARED


@pytest.mark.parametrize("script,settings", [(s, r) for s, runs in RUNS.items() for r in runs])
def test_a_script_runs_without_a_failed_request_or_check(service, script, settings):
    result = run(service, script, **settings)
    assert result["failed"] == 0 and result["missed"] == [] and result["iterations"] > 0


def test_a_wrong_key_is_seen(service):
    with pytest.raises(BadAnswers, match="ended with 99"):
        k6("fetch-reference-basic.js", service.process, service.public[1], SECONDS, 2, "tests", "a-wrong-key")


def test_a_service_that_is_not_there_is_seen(service):
    with pytest.raises(BadAnswers, match="ended with 107"):
        k6("fetch-status-list.js", service.process, 1, SECONDS, 2, "tests", service.key("tests"))


# ---- planted mistakes: the scripts with one line changed

@pytest.fixture
def planted(tmp_path):
    """A copy of the scripts in which `old` became `new`."""
    def plant(script, old, new):
        for p in [*SCRIPTS.glob("*.js"), SCRIPTS / "package.json"]:
            shutil.copy(p, tmp_path)
        text = (tmp_path / script).read_text()
        assert text.count(old) == 1
        (tmp_path / script).write_text(text.replace(old, new))
        return tmp_path
    return plant


BASIC = "fetch-reference-basic.js"
PLANTS = [
    ("a check that fails", BASIC, "x.status === 200", "x.status === 201", 99, 'check "reserved" failed'),
    ("a check of content that fails", "lib.js", "l.length === amount", "l.length === amount + 1", 99, "references are complete"),
    ("a threshold that is missed", "lib.js", "http_req_failed: ['rate==0']", "http_req_failed: ['rate==1']", 99, "http_req_failed: rate==1"),
    ("an unknown module", BASIC, "from 'k6';", "from 'k6/ws';", 107, "does not know the module 'k6/ws'"),
    ("a module of Node.js", BASIC, "from 'k6';", "from 'node:fs';", 107, "does not know the module 'node:fs'"),
    ("an unknown export", BASIC, "import { check, sleep }", "import { check, group, sleep }", 107, "'group'"),
    ("an unknown member of a module", "lib.js", "http.post(", "http.put(", 107, "does not know http.put"),
    ("an unknown member of an answer", BASIC, "x.status === 200", "x.statusCode === 200", 107, "does not know response.statusCode"),
    ("an unknown parameter of a request", "lib.js", "const issuer = { headers", "const issuer = { timeout: '1s', headers", 107,
     "does not know params.timeout"),
    ("an unknown option", "lib.js", "setupTimeout: '60s'", "setupTimeOut: '60s'", 104, "does not know options.setupTimeOut"),
    ("an unknown option of a scenario", "lib.js", "gracefulStop: '30s'", "gracefulEnd: '30s'", 104, "does not know scenario.gracefulEnd"),
    ("an unknown executor", "lib.js", "'constant-vus'", "'constant-users'", 104, "does not know the executor"),
    ("a threshold on an unknown metric", "lib.js", "checks: ['rate==1']", "check: ['rate==1']", 104, "does not know the metric 'check'"),
    ("a threshold of the wrong kind", "lib.js", "checks: ['rate==1']", "checks: ['p(95)<1']", 104, "is no threshold for checks"),
    ("an unknown export of a script", BASIC, "export default function run", "export function extra() {}\nexport default function run", 107,
     "the export 'extra'"),
    ("an exception", BASIC, "sleep(0.01)", "sleep(-1)", 107, "sleep(-1)"),
]


@pytest.mark.parametrize("script,old,new,status,text", [p[1:] for p in PLANTS], ids=[p[0] for p in PLANTS])
def test_a_planted_mistake_is_seen(service, planted, script, old, new, status, text):
    folder = planted(script, old, new)
    with pytest.raises(BadAnswers) as seen:
        run(service, folder / BASIC, users=2)
    assert f"ended with {status}" in str(seen.value) and text in str(seen.value)


TYPE_PLANTS = {
    "an export": ("import { check, sleep }", "import { check, sleap }", "sleap"),
    "an argument": ("check(r,", "check(", "TS2554"),
    "a member": ("x.status", "x.statusCode", "'statusCode'"),
    "an option": ("export const options = looping(12)",
                  "/** @type {import('k6/options').Options} */\nexport const options = { ...looping(12), setupTimeOut: '1s' }",
                  "'setupTimeOut'"),
    "a global of Node.js": ("sleep(0.01)", "setTimeout(run, 10)", "'setTimeout'"),
}


def test_planted_mistakes_are_seen_by_the_types(planted):
    folder = planted(BASIC, "sleep(0.01)", "sleep(0.02)")
    text = (SCRIPTS / BASIC).read_text()
    for name, (old, new, _) in TYPE_PLANTS.items():
        assert text.count(old) == 1
        (folder / f"{name}.js").write_text(text.replace(old, new))
    (folder / "tsconfig.json").write_text((SCRIPTS / "tsconfig.json").read_text().replace("../../build", str(ROOT / "build")))
    said = types_of(folder).splitlines()
    for name, (_, _, wanted) in TYPE_PLANTS.items():
        assert [line for line in said if line.startswith(f"{name}.js") and wanted in line], name
    assert not [line for line in said if line.startswith(BASIC)]
