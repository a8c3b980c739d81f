"""What the systemd unit says, read from its file."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "systemd" / "statuslistd.service"


def values(key):
    """All words of all lines of that key."""
    return [word for line in re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.M) for word in line.split()]


def group(name):
    """The system calls of a group, and of the groups in it, as systemd has them."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return {call for word in words for call in (group(word) if word.startswith("@") else {word})}


def system_calls():
    """The system calls that the filter permits; systemd itself adds @default to every list of permitted calls."""
    return {call for word in [*values("SystemCallFilter"), "@default"] for call in (group(word) if word.startswith("@") else {word})}
