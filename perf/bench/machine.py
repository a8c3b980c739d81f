"""The machine: where programs are, which cores a process may use, and how much processor time it has used."""
import os
import pathlib
import platform
import shutil
import subprocess
import sys

PERF = pathlib.Path(__file__).resolve().parents[1]
ROOT = PERF.parent
BUILD = pathlib.Path(os.environ.get("SL_PERF_BUILD", ROOT / "build" / "perf")).resolve()
BIN = BUILD / "bin"
TOOLS = ROOT / "build" / "tools"
RESULTS = PERF / "results"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


def say(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


def tool(name):
    for path in (TOOLS / name, TOOLS / "bin" / name):
        if path.exists():
            return str(path)
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise SystemExit(f"perf: no {name} here: run script/bootstrap perf")
    return found


def build():
    """Configures and builds the programs that are measured, optimised as in the packages."""
    log = BUILD / "configure.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as out:
        done = subprocess.run(
            ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
             "-DBUILD_TESTING=OFF", "-DSL_PERF=ON"], stdout=out, stderr=out, check=False)
    if done.returncode != 0:
        raise SystemExit(log.read_text() + "perf: configuring failed")
    subprocess.run(["cmake", "--build", str(BUILD), "-j", "2", "--target", "statuslistd", "bare_h2o", "five_commands",
                    "slow_fdatasync", "micro", "--", "--quiet"], check=True, stdout=sys.stderr)


def pinned(cores, command):
    """The command line, bound to cores; None: anywhere."""
    return command if cores is None else ["taskset", "-c", ",".join(map(str, cores)), *command]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            direct = [int(p) for p in f.read().split()]
    except FileNotFoundError:
        return []
    return direct + [p for child in direct for p in children(child)]


def processor_seconds(pid):
    """Processor time of all threads of a process and of its children, from /proc: in nanoseconds where the kernel counts so."""
    total = 0.0
    for p in [pid, *children(pid)]:
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0]) / 1e9
        except FileNotFoundError:
            with open(f"/proc/{p}/stat", encoding="ascii") as f:
                fields = f.read().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def memory(pid):
    """Resident bytes now."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise ValueError(pid)


def describe():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break

    def version(*command):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[0].strip()
    return {
        "processor": model, "cores": len(CORES), "kernel": platform.release(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "redis": version("redis-server", "--version"), "vegeta": (TOOLS / "vegeta.version").read_text().strip(),
        "commit": version("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
    }
