"""Load generators: wrk (a closed loop), vegeta (an open one), and k6 where the user has it."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile

from bench.machine import LOAD_CORE, PERF, RESULTS, pinned, processor_seconds, say, tool

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class BadAnswers(RuntimeError):
    pass


def seconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def wrk(process, port, path="/", connections=64, duration=2, headers=(), script=None, arguments=(), allow=0):
    """One run against the process, which is measured by its own processor time. Anything but 2xx and 3xx is an error."""
    command = pinned([LOAD_CORE], [tool("wrk"), "-t1", f"-c{connections}", f"-d{duration}s", "--latency", "--timeout", "30s"])
    for h in headers:
        command += ["-H", h]
    if script:
        command += ["-s", str(PERF / "wrk" / script)]
    command += [f"http://127.0.0.1:{port}{path}", *(["--", *arguments] if arguments else [])]
    before = processor_seconds(process.pid)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    used = processor_seconds(process.pid) - before
    text = done.stdout
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", text)
    if done.returncode != 0 or total is None:
        raise RuntimeError(f"wrk: {text}{done.stderr}")
    requests = int(total[1])
    bad = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    bad += sum(int(n) for line in re.findall(r"Socket errors: (.*)", text) for n in re.findall(r"\d+", line))
    if bad > allow or requests == 0:
        raise BadAnswers(f"{bad} bad answers of {requests}: {' '.join(command)}")
    result = {"rate": requests / (float(total[2]) * UNITS[total[3]]), "requests": requests,
              "processor_us": used / requests * 1e6, "bad": bad}
    for percent, value in re.findall(r"^\s+(50|90|99)%\s+(\S+)$", text, re.M):
        result[f"p{percent}_ms"] = seconds(value) * 1e3
    return result


def vegeta(process, method, path, rate, duration, key, check=None):
    """One run at a constant rate of arrivals. Any answer but a 200 is an error; check: looks at each body."""
    with tempfile.TemporaryDirectory(prefix="vegeta-") as directory:
        results = f"{directory}/results"
        target = f"{method} http://127.0.0.1:{process.port}{path}\nX-Api-Key: {key}\n"
        before = processor_seconds(process.pid)
        subprocess.run(pinned([LOAD_CORE], [tool("vegeta"), "attack", f"-rate={rate:g}/1s", f"-duration={duration}s", "-timeout=30s",
                                            "-redirects=-1", f"-output={results}"]), input=target, text=True, check=True)
        used = processor_seconds(process.pid) - before
        report = json.loads(subprocess.run([tool("vegeta"), "report", "-type=json", results], capture_output=True, check=True).stdout)
        if report["status_codes"].keys() != {"200"}:
            raise BadAnswers(f"{method} {path}: {report['status_codes']} {report['errors'][:3]}")
        if check is not None:
            encoded = subprocess.run([tool("vegeta"), "encode", "-to=json", results], capture_output=True, check=True).stdout
            for line in encoded.splitlines():
                check(base64.b64decode(json.loads(line)["body"]))
    ms = {name: value / 1e6 for name, value in report["latencies"].items()}
    return {"rate": report["rate"], "requests": report["requests"], "mean_ms": ms["mean"], "p50_ms": ms["50th"], "p95_ms": ms["95th"],
            "p99_ms": ms["99th"], "max_ms": ms["max"], "processor_us": used / report["requests"] * 1e6}


def k6_command():
    """The user's own k6: the one that K6 names, or the one on the PATH; None where there is none."""
    return os.environ.get("K6") or shutil.which("k6")


def k6(script, process, port, duration, users=None, pool="tests", key="", dashboard=None, expect=(0,), **settings):
    """One run of a scenario. Its thresholds are checks of correctness: a missed one is an error, unless `expect` names k6's
    exit code 99. script: a file name in perf/k6, or a path."""
    descriptor, summary = tempfile.mkstemp(prefix="k6-", suffix=".json")
    os.close(descriptor)
    try:
        return run_k6(script, process, port, duration, users, pool, key, dashboard, expect, summary, settings)
    finally:
        os.unlink(summary)


def run_k6(script, process, port, duration, users, pool, key, dashboard, expect, summary, settings):
    env = {**os.environ, "BASE": f"http://127.0.0.1:{port}", "KEY": key, "POOL": pool, "DURATION": str(duration),
           "SUMMARY": summary, "K6_NO_USAGE_REPORT": "true",
           "GOGC": "400",  # k6 shares the cores: its garbage collection would be measured
           "NO_COLOR": "1", **{k: str(v) for k, v in settings.items()}}
    if users is not None:
        env["VUS"] = str(users)
    if dashboard:
        env |= {"K6_WEB_DASHBOARD": "true", "K6_WEB_DASHBOARD_PORT": "-1", "K6_WEB_DASHBOARD_PERIOD": "1s",
                "K6_WEB_DASHBOARD_EXPORT": str(RESULTS / dashboard)}
    before = processor_seconds(process.pid)
    done = subprocess.run([k6_command(), "run", "--quiet", "--no-color", "--address", "", str(PERF / "k6" / script)], env=env,
                          capture_output=True, text=True, check=False)
    used = processor_seconds(process.pid) - before
    if done.returncode not in expect:
        raise BadAnswers(f"{script}: k6 ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    with open(summary, encoding="utf-8") as f:
        data = json.load(f)
    m = data["metrics"]
    times = m.get("http_req_duration{scenario:default}", m["http_req_duration"])["values"]
    requests = m["http_reqs"]["values"]["count"]
    result = {"rate": data["rate"], "requests": requests, "mean_ms": times["avg"], "p50_ms": times["med"],
              "p95_ms": times["p(95)"], "p99_ms": times["p(99)"], "max_ms": times["max"], "missed": data["missed"],
              "failed": m["http_req_failed"]["values"]["passes"], "iterations": m.get("iterations", {"values": {"count": 0}})
              ["values"]["count"], "processor_us": used / max(1, requests) * 1e6}
    result["ran"], result["dropped"] = data["ran"], m.get("dropped_iterations", {"values": {"count": 0}})["values"]["count"]
    if "revocation_visible_ms" in m:
        result["visible_p99_ms"] = m["revocation_visible_ms"]["values"]["p(99)"]
    if done.returncode == 0 and result["iterations"] == 0:
        raise BadAnswers(f"{script}: no iteration ended")
    return result


def show(name, result):
    say(f"    {name:<14}" + "  ".join(f"{k} {v:,.2f}" if v < 100 else f"{k} {v:,.0f}" for k, v in result.items()
                                      if isinstance(v, (int, float)) and k not in ("requests", "bad", "iterations", "ran", "dropped")))
