"""Clients who reserve, update, batch, ask and fetch without pause, over every loss of their connection, and record it all."""
import json
import random
import threading
import time
import urllib.parse

from client import Connection, path_of
from history import now
from tokens import Token

TIMEOUT = 8  # seconds until an answer is given up: longer than the service waits for Redis, or its own words stay unheard
AMOUNTS = [1, 1, 1, 2, 10, 61]
OWNED = 60  # references that a client goes on writing to
FINAL = 255  # the pool's final status
FRESH = 254  # values that a reference can have once each


def next_value(order, reference, past):
    """What is written after those values: mostly one that the reference never had, in an order that is not that of the numbers; at times
    what it was before the last, or is already. None: there is none left."""
    draw = order.random()
    if past and draw < 0.08:
        return past[-2] if len(past) > 1 else 0
    if past and draw < 0.12:
        return past[-1]
    if draw < 0.13:
        return FINAL
    fresh = len(set(past) - {0})
    return 1 + (97 * fresh + reference[1]) % FRESH if fresh < FRESH else None


class Caller:
    """One client: a connection per instance, and what it owns. One thread."""

    def __init__(self, fixture, number):
        self.fixture, self.number = fixture, number
        self.connections = [Connection(s.public, TIMEOUT) for s in fixture.services]

    def close(self):
        for c in self.connections:
            c.close()

    def _exchange(self, connection, method, target, body, leave):
        """(outcome, code, response)."""
        sent = False
        try:
            if connection.sock is None:
                connection.open()
            fields = {"X-Api-Key": self.fixture.key}
            data = None
            if body is not None:
                fields["Content-Type"] = "application/json"
                data = json.dumps(body).encode()
            sent = True
            connection.send_request(method, target, fields, data)
            if leave:
                connection.close()
                return "unknown", "left", None
            r = connection.read_response(method)
            if r.get("connection", "").lower() == "close":
                connection.close()
        except OSError as e:
            connection.close()
            return ("unknown", type(e).__name__, None) if sent else ("no", "not connected", None)
        if r.status in (200, 204):
            return "ok", str(r.status), r
        code = r.json()["code"] if r["content-type"] == "application/problem+json" else ""
        return "unknown" if code == "OUTCOME_UNKNOWN" else "no", f"{r.status} {code}".strip(), r

    def call(self, instance, op, method, target, body=None, leave=False, **fields):
        """Makes a call; the line for the history, not yet in it, and the response."""
        before = self.fixture.lives[instance]
        t0 = now()
        outcome, code, r = self._exchange(self.connections[instance], method, target, body, leave)
        t1 = now()
        life = before if self.fixture.lives[instance] == before else None
        return {"op": op, "client": self.number, "instance": instance, "life": life, "t0": t0, "t1": t1,
                "outcome": outcome, "code": code, **fields}, r

    def add(self, line):
        self.fixture.history.add(line)
        return line["outcome"]

    def reserve(self, instance, amount):
        line, r = self.call(instance, "reserve", "POST", f"/pools/{self.fixture.pool}/new-references?amount={amount}",
                            amount=amount)
        got = [(e["uri"], e["index"]) for e in r.json()["references"]] if line["outcome"] == "ok" else []
        self.add({**line, "refs": got})
        return line["outcome"], got

    def write(self, instance, sets, leave=False):
        if len(sets) == 1:
            uri, index, value = sets[0]
            line, _ = self.call(instance, "update", "PATCH", "/status-lists/update",
                                {"uri": uri, "index": index, "value": value}, leave, sets=sets)
        else:
            entries = [dict(zip(("uri", "index", "value"), s)) for s in sets]
            line, _ = self.call(instance, "batch", "PATCH", "/status-lists/batch-update",
                                {"statusListReferences": entries}, leave, sets=sets)
        self.add(line)
        return line["outcome"], line["code"]

    def status(self, instance, reference, **fields):
        query = urllib.parse.urlencode({"uri": reference[0], "index": reference[1]})
        line, r = self.call(instance, "status", "GET", f"/status-lists/status?{query}", ref=list(reference), **fields)
        if line["outcome"] == "ok":
            line |= {"value": r.json()["value"], "version": r.json()["version"]}
        elif fields.get("final") and line["code"].startswith(("400", "404")):
            line |= {"outcome": "ok", "value": 0, "version": 0, "gone": True}  # the list does not exist: nothing is set
        return line

    def fetch(self, instance, uri, **fields):
        line, r = self.call(instance, "fetch", "GET", path_of(uri), uri=uri, **fields)
        if line["outcome"] == "ok":
            token = Token(r.body, expired_ok=True)
            assert token.sub == uri, (token.sub, uri)
            wall = time.time()  # the service does not believe its own clock while that is wrong
            if token.exp < wall - 1:
                self.fixture.errors.append(f"a token that expired at {token.exp} was served at {wall:.1f}")
            if token.iat > wall + 2:
                self.fixture.errors.append(f"a token of {token.iat} was served at {wall:.1f}")
            line |= {"iat": token.iat, "exp": token.exp, "statuses": {str(i): v for i, v in token.nonzero().items()}}
        return line


class Load:
    def __init__(self, fixture, clients=6, pause=0.002):
        self.fixture, self.pause = fixture, pause
        self.stopping, self.resting = threading.Event(), threading.Event()
        self.errors = []
        self.owned = [{} for _ in range(clients)]  # per client: reference -> values sent
        self.uris = []
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(clients)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(3 * TIMEOUT)
            assert not t.is_alive(), "a client hangs"
        if self.errors:
            raise self.errors[0]

    def _run(self, n):
        order = random.Random(self.fixture.seed * 1000 + n)
        caller = Caller(self.fixture, n)
        caller.again = []
        try:
            while not self.stopping.is_set():
                outcome = self._step(caller, order, self.owned[n])
                time.sleep(self.pause * order.random() if outcome != "no" else 0.01 + 0.02 * order.random())
        except BaseException as e:  # noqa: B902 - raised by stop()
            self.errors.append(e)
        caller.close()

    def _step(self, caller, order, owned):
        here = [i for i in range(len(self.fixture.services)) if i not in self.fixture.resting]
        # With two primaries a reference is written at one of them: its client stays with an instance.
        instance = here[caller.number % len(here)] if self.fixture.split else order.choice(here)
        draw = order.random()
        if len(owned) < 3 or draw < 0.12:
            outcome, got = caller.reserve(instance, order.choice(AMOUNTS))
            for reference in got:
                owned[reference] = []
                if reference[0] not in self.uris:
                    self.uris.append(reference[0])
            while len(owned) > OWNED:
                del owned[order.choice(list(owned))]
            return outcome
        if draw < 0.70:
            many = draw >= 0.55
            chosen = order.sample(list(owned), min(len(owned), order.randrange(2, 9) if many else 1))
            if draw < 0.4 and caller.again:
                caller.again = [r for r in caller.again if r in owned]
                chosen = caller.again or chosen  # at once over what is not known
            sets = []
            for reference in chosen:
                value = next_value(order, reference, owned[reference])
                if value is not None:
                    owned[reference].append(value)
                    sets.append([*reference, value])
                if value in (None, FINAL):
                    del owned[reference]
            chosen = [(u, i) for u, i, _ in sets]
            if not sets:
                return "ok"
            leave = order.random() < 0.01
            outcome, code = caller.write(instance, sets, leave)
            if code in ("left", "TimeoutError"):
                # The service may still be at this request, and finish it after the next one: so none is sent.
                for reference in chosen:
                    owned.pop(reference, None)
            if outcome == "unknown":
                caller.again = chosen
            elif outcome == "ok" and chosen == caller.again:
                caller.again = []
            return outcome
        if draw < 0.85:
            return caller.add(caller.status(instance, order.choice(list(owned))))
        return caller.add(caller.fetch(instance, order.choice(self.uris)))
