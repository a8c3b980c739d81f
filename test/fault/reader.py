"""A wallet that fetches one list of one instance without pause, and says when it saw the list go back."""
import threading

from client import Connection, path_of, until
from tokens import Token


class Reader:
    """`back` holds (index, value after, value before) of each status that fell, and ("iat", ...). Statuses that are meant to fall are
    named in `free`."""

    def __init__(self, service, uri, free=()):
        self.service, self.uri, self.free = service, uri, set(free)
        self.back, self.last, self.seen = [], None, 0
        self.stopping, self.error = threading.Event(), None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        until(lambda: self.seen or self.error, 10, "a first token")
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        self.thread.join(40)
        if kind is None and self.error is not None:
            raise self.error

    def _run(self):
        connection = Connection(self.service.public, 30)
        try:
            while not self.stopping.wait(0.01):
                try:
                    r = connection.request("GET", path_of(self.uri))
                except OSError:
                    connection.close()
                    continue
                if r.status == 200:
                    self._take(Token(r.body))
        except BaseException as e:  # noqa: B902 - raised when the reader ends
            self.error = e
        connection.close()

    def _take(self, token):
        statuses = token.nonzero()
        if self.last is not None:
            before, iat = self.last
            if token.iat < iat:
                self.back.append(("iat", token.iat, iat))
            self.back += [(i, statuses.get(i, 0), v) for i, v in before.items() if statuses.get(i, 0) < v and i not in self.free]
        self.last = statuses, token.iat
        self.seen += 1

    def shows(self, expected, seconds=10):
        """Waits until the token has exactly these statuses."""
        try:
            until(lambda: self.error or self.last[0] == expected, seconds, "the token")
        except AssertionError:
            raise AssertionError(f"{self.service.directory.name} shows {self.last[0]} after {seconds} s, not {expected}") from None
        if self.error is not None:
            raise self.error
