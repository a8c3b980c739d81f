"""Messages to the service manager: ready, reloading and ready again, stopping; to a socket with a path and to an abstract one."""
import socket
import time

import pytest

from processes import SANITIZER


class Manager:
    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(name)
        self.socket.settimeout(60)

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_service_manager_gets_each_state(fixture, kind):
    service = fixture.service()
    name = str(service.directory / "notify") if kind == "path" else f"@sl-notify-{service.directory}"
    manager = Manager(name if kind == "path" else "\0" + name[1:])
    service.extra_environment = {"NOTIFY_SOCKET": name}
    service.spawn()
    assert manager.next() == {"READY": "1", "STATUS": "serving"}
    with service.client() as c:
        assert len(c.reserve(3)) == 3

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    service.process.send_signal(1)
    message = manager.next()
    assert message["RELOADING"] == "1" and before <= int(message["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert manager.next() == {"READY": "1", "STATUS": "serving; reloaded"}

    service.config["no-such-key"] = 1
    service.write_config()
    service.process.send_signal(1)
    assert manager.next()["RELOADING"] == "1"
    message = manager.next()
    assert message["READY"] == "1" and "refused" in message["STATUS"]

    service.stop()
    message = manager.next()
    assert message["STOPPING"] == "1" and int(message["EXTEND_TIMEOUT_USEC"]) > 10_000_000
    assert not SANITIZER.search(service.log())


@pytest.mark.parametrize("name", ["", "relative", "/" + "x" * 200, "/nowhere/at/all"])
def test_nobody_listens(fixture, name):
    """A socket that does not exist does no harm."""
    service = fixture.service()
    service.extra_environment = {"NOTIFY_SOCKET": name}
    service.start()
    service.stop()
