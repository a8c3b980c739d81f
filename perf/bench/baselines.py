"""The programs that the service is compared with."""
import email.utils
import os
import socket

from bench.machine import BIN, PERF, pinned, tool
from bench.service import processes, until

OWN_FIELDS = ("date", "connection", "content-length", "server")


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Bare(processes.Process):
    """bare_h2o with the bytes and fields of one of our answers. response: (http.client response, body)."""

    def __init__(self, directory, response, body, json_body, cores=None, threads=1):
        self.port = processes.free_port()
        for name, data in (("token", body), ("json", json_body), ("fields", "".join(
                f"{k}: {v}\n" for k, v in response.getheaders() if k.lower() not in OWN_FIELDS).encode())):
            (directory / name).write_bytes(data)
        where = ["--cpus", ",".join(map(str, cores))] if cores else ["--threads", str(threads)]
        files = [x for name in ("token", "json", "fields") for x in (f"--{name}", str(directory / name))]
        super().__init__("bare_h2o", directory, [str(BIN / "bare_h2o"), "--port", str(self.port), *where, *files])
        self.spawn()
        until(lambda: self.alive() and answers(self.port), 10, "bare_h2o listens")


class Nginx(processes.Process):
    """nginx with the token as a file at the same path."""

    def __init__(self, directory, path, response, body, cores=None):
        self.port = processes.free_port()
        (directory / "root").mkdir()
        file = directory / "root" / path.lstrip("/")
        file.write_bytes(body)
        modified = email.utils.parsedate_to_datetime(response.getheader("last-modified")).timestamp()
        os.utime(file, (modified, modified))
        fields = [f"add_header {k} '{v}';" for k, v in response.getheaders()
                  if k.lower() not in (*OWN_FIELDS, "last-modified", "content-type")]
        text = (PERF / "baseline" / "nginx.conf.in").read_text()
        for name, value in (("DIRECTORY", str(directory)), ("PORT", str(self.port)), ("FIELDS", "\n            ".join(fields)),
                            ("TYPE", response.getheader("content-type"))):
            text = text.replace(f"@{name}@", value)
        (directory / "nginx.conf").write_text(text)
        super().__init__("nginx", directory, pinned(cores, [tool("nginx"), "-p", str(directory), "-c", str(directory / "nginx.conf")]))
        self.spawn()
        until(lambda: self.alive() and answers(self.port), 10, "nginx listens")


class Five(processes.Process):
    """Five commands in turn per update, on the same Redis."""

    def __init__(self, directory, redis, cores=None):
        self.port = processes.free_port()
        super().__init__("five_commands", directory, [str(BIN / "five_commands"), "--port", str(self.port), "--redis", redis.socket,
                                           *(["--cpus", ",".join(map(str, cores))] if cores else [])])
        self.spawn()
        until(lambda: self.alive() and answers(self.port), 10, "five_commands listens")
