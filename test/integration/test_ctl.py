"""statuslistctl as a person or a script runs it, against the real service and against a provider with planted defects."""
import base64
import gzip
import json
import os
import re
import subprocess
import time

import pytest

from client import until
from cryptography import x509
from defects import DEFECTS
from processes import BUILD, free_port
from peers import Peer, b64
from tls import Authority, pair

CTL = BUILD / "bin" / "statuslistctl"


class Ctl:
    def __init__(self, service, directory):
        self.directory, self.server = directory, f"http://127.0.0.1:{service.issuer[1]}"
        self.key_file = directory / "key"
        self.key_file.write_text(service.key("tests") + "\n")
        self.key_file.chmod(0o600)

    def __call__(self, *words, code=0, env=None, credential=True, input=None):
        environment = {**os.environ, "STATUSLIST_SERVER": self.server, **(env or {})}
        if credential:
            environment["STATUSLIST_API_KEY_FILE"] = str(self.key_file)
        done = subprocess.run([str(CTL), *map(str, words)], env=environment, text=True, capture_output=True,
                              timeout=60, input=input)
        assert done.returncode == code, (words, done)
        return done

    def json(self, *words, **how):
        return json.loads(self(*words, "--json", **how).stdout)


@pytest.fixture(scope="module")
def service(shared_fixture):
    return shared_fixture.service(shared_fixture.redis(), {
        "tests": {"size": 1000, "bits": 2, "update-interval": "0s", "aggregation-uri": True},
        "plain": {"update-interval": "0s"}}).start()


@pytest.fixture(scope="module")
def ctl(service, tmp_path_factory):
    return Ctl(service, tmp_path_factory.mktemp("ctl"))


@pytest.fixture(scope="module")
def certificate(service):
    return service.storage / "keys" / "tests.crt.pem"


@pytest.fixture(scope="module")
def jwk(certificate, ctl):
    n = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key().public_numbers()
    path = ctl.directory / "jwk.json"
    path.write_text(json.dumps({"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}))
    return path


def reserve(ctl):
    uri, index = ctl("reserve", "tests").stdout.split()
    return uri, int(index)


def test_reserve(ctl, service):
    lines = ctl("reserve", "tests", 3).stdout.splitlines()
    assert len(lines) == 3 and len(set(lines)) == 3
    assert all(line.split()[0].startswith(service.config["public-url"] + "/") for line in lines)
    answer = ctl.json("reserve", "tests", 2)
    assert [set(r) for r in answer["references"]] == [{"uri", "index"}] * 2


def test_set_and_get(ctl):
    uri, index = reserve(ctl)
    assert ctl("get", uri, index).stdout == "0 VALID\n"
    for word, shown in (("invalid", "1 INVALID"), ("suspended", "2 SUSPENDED"), ("3", "3 APPLICATION_SPECIFIC"), ("valid", "0 VALID")):
        assert ctl("set", uri, index, word).stdout == ""
        assert ctl("get", uri, index).stdout == shown + "\n"
    done, now = ctl.json("set", uri, index, 1), ctl.json("get", uri, index)
    assert done == {"uri": uri, "index": index, "value": 1, "version": now["version"], "history": now["history"]}
    assert (now["uri"], now["index"], now["value"]) == (uri, index, 1)


@pytest.mark.parametrize("how", ["cert", "jwk", "anchors"])
@pytest.mark.parametrize("form", ["jwt", "cwt"])
def test_verify(ctl, certificate, jwk, how, form):
    uri, index = reserve(ctl)
    key = [f"--{how}", jwk if how == "jwk" else certificate, "--format", form]
    names = ["VALID", "INVALID", "SUSPENDED", "APPLICATION_SPECIFIC"]
    for value in (0, 1, 2, 3):
        ctl("set", uri, index, value)
        until(lambda: subprocess.run([CTL, "verify", uri, str(index), *map(str, key)], capture_output=True).returncode == value,
              20, f"status {value}")
        answer = ctl.json("verify", uri, index, *key, code=value)
        assert answer["accepted"] is True and answer["status"] == value and answer["name"] == names[value]
        assert {c["outcome"] for c in answer["checks"]} == {"pass"}
        found = {c["name"]: c for c in answer["checks"]}
        assert {"typ", "alg", "key", "signature", "sub", "iat", "exp", "ttl", "bits", "lst", "zlib", "index", "status"} <= set(found)
        assert found["exp"]["section"] == "Validation Rules"
        assert ctl("verify", uri, index, *key, code=value).stdout.endswith(f"\n{names[value]} (0x0{value})\n")


def test_verify_refuses(ctl, certificate, jwk, service):
    uri, index = reserve(ctl)
    other = service.storage / "keys" / "plain.crt.pem"
    cases = [(["--cert", other], index, "signature"), ([], index, "key"), (["--cert", certificate], 1000, "index"),
             (["--anchors", other], index, "key"), (["--cert", certificate, "--inflate-limit", "10"], index, "inflate-limit")]
    for options, at, failure in cases:
        answer = ctl.json("verify", uri, at, *options, code=4)
        assert answer["accepted"] is False and answer["status"] is None and answer["name"] is None
        assert [c["name"] for c in answer["checks"] if c["outcome"] == "fail"] == [failure], answer
        assert "REFUSED" in ctl("verify", uri, at, *options, code=4).stdout


def test_what_cannot_be_fetched(ctl, certificate, service):
    uri, index = reserve(ctl)
    missing = uri[:-12] + "0" * 12
    assert "responded 404" in ctl("verify", missing, index, "--cert", certificate, code=5).stderr
    assert "127.0.0.1" in ctl("verify", "http://127.0.0.1:1/x", 0, "--cert", certificate, code=5).stderr
    assert "statuslist" in ctl("inspect", service.config["public-url"] + "/aggregation/tests", code=5).stderr
    assert ctl.json("lint", "http://127.0.0.1:1/x", code=5)["ok"] is False
    ctl("get", uri, index, "--server", "http://127.0.0.1:1", code=5)
    ctl("verify", "file:///etc/passwd", 0, "--cert", certificate, code=5)


def test_inspect(ctl):
    uri, index = reserve(ctl)
    ctl("set", uri, index, 2)
    until(lambda: ctl.json("inspect", uri)["statuses"].get("2", 0) > 0, 20, "the suspended one")
    for form in ("jwt", "cwt"):
        seen = ctl.json("inspect", uri, "--format", form)
        assert seen["format"] == form and seen["claims"]["sub"] == uri and seen["claims"]["bits"] == 2
        assert seen["entries"] == 1000 and sum(seen["statuses"].values()) == 1000
        assert seen["sizes"]["list"] == 250 and 0 < seen["sizes"]["compressed"] < seen["sizes"]["token"]
    text = ctl("inspect", uri).stdout
    assert uri in text and "1000 of 2 bit" in text and "SUSPENDED" in text


def test_inspect_reads_tokens_from_everywhere(ctl, service):
    uri, _ = reserve(ctl)
    with service.client() as c:
        jwt = c.fetch(uri).body
        cwt = c.fetch(uri, {"Accept": "application/statuslist+cwt"}).body
    path = ctl.directory / "token"
    path.write_bytes(jwt + b"\n")
    assert ctl.json("inspect", path)["claims"]["sub"] == uri
    assert ctl.json("inspect", "-", input=jwt.decode())["format"] == "jwt"
    assert ctl.json("inspect", jwt.decode())["claims"]["sub"] == uri
    path.write_bytes(cwt)
    assert ctl.json("inspect", path)["format"] == "cwt"
    assert ctl.json("inspect", cwt.hex())["claims"]["sub"] == uri
    assert ctl.json("inspect", "a.b.c", code=4)["checks"][0]["name"] == "encoding"


LST, LIST_HEX = "eNrbuRgAAhcBXQ", "78dadbb918000217015d"  # of the draft's example
EXAMPLE_KEY = {"kty": "EC", "crv": "P-256", "x": "I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo",
               "y": "6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M", "kid": "12"}
CLAIMS_HEX = "58" + "50" + "a502782168747470733a2f2f6578616d706c652e636f6d2f7374617475736c697374732f31061a648c5bea041a8898dfea19fffe19a8c019fffda2646269" \
    "747301636c73744a78dadbb918000217015d"
NUMBERED = "d28447a2012610190117a104423132" + CLAIMS_HEX + "58403fd5ee69ac1f1779598b8365252a05f73ba348f78ae974ce0ba111e6217cb10f09004c5dc8b964989d18799266" \
    "e3fdc220b64d7a0b1beb86ceb3bc69eccc00cb"  # header 16 is 279
ESP256 = "d2845820a2012810781a6170706c69636174696f6e2f7374617475736c6973742b637774a104423132" + CLAIMS_HEX + "5840e2d90be75cb056449742f5" \
    "a9a18ca4f2f6c5178fc355d788e41033d739c61a868c4e0e53e2a2e8bce7526fd83d1f6072af43a8953fc92e0cd7ef46d21cec7731"  # algorithm -9


@pytest.mark.parametrize("token,alg,typ", [(NUMBERED, "ES256", "279"), (ESP256, "ESP256", "application/statuslist+cwt")])
def test_cwts_with_registered_numbers(ctl, tmp_path, token, alg, typ):
    key = tmp_path / "key"
    key.write_text(json.dumps({"keys": [{"kty": "RSA", "use": "enc", "n": "AA", "e": "AQAB"}, EXAMPLE_KEY]}))
    seen = ctl.json("inspect", "--jwk", key, token)
    assert seen["claims"]["alg"] == alg and seen["claims"]["typ"] == typ and seen["entries"] == 16
    assert not [check for check in seen["checks"] if check["outcome"] == "fail"]
    assert {check["outcome"] for check in seen["checks"] if check["name"] in ("key", "signature")} == {"pass"}


@pytest.mark.parametrize("text,bits", [
    (LST, None), (LIST_HEX, None), ("0x" + LIST_HEX.upper(), None), (base64.b64encode(bytes.fromhex(LIST_HEX)).decode(), None),
    (json.dumps({"bits": 1, "lst": LST}), 1), (json.dumps({"sub": "x", "status_list": {"bits": 4, "lst": LST}}), 4)])
def test_inspect_shows_bare_lists(ctl, tmp_path, text, bits):
    path = tmp_path / "list"
    path.write_text(f"  {text[:5]}\n{text[5:]}\n" if bits is None else text + "\n")
    for word in (text, path):
        seen = ctl.json("inspect", word)
        assert seen["format"] == "list" and seen["bits"] == bits and seen["sizes"] == {"compressed": 10, "list": 2}
        assert seen["entries"] == (16 // bits if bits else None) and sum(seen["statuses"].values()) == (seen["entries"] or 0)
    shown = ctl("inspect", text).stdout
    assert "not signed" in shown and ("16 of 1 bit, 8 of 2, 4 of 4 or 2 of 8" in shown if bits is None else f"{16 // bits} of {bits} bit" in shown)
    path.write_bytes(bytes.fromhex(LIST_HEX))
    assert ctl.json("inspect", path)["format"] == "list"


def test_inspect_reads_tokens_in_other_forms(ctl, tmp_path):
    path = tmp_path / "token"
    raw = bytes.fromhex(NUMBERED)
    for text in (NUMBERED, "0x" + NUMBERED, "\n".join(NUMBERED[i: i + 60] for i in range(0, len(NUMBERED), 60)), base64.b64encode(raw).decode(),
                 base64.encodebytes(raw).decode(), b64(raw)):
        path.write_text(text)
        assert ctl.json("inspect", path)["claims"]["sub"] == "https://example.com/statuslists/1"
    assert ctl.json("inspect", b64(raw))["format"] == "cwt"


def test_inspect_names_what_it_refuses(ctl, service, tmp_path):
    uri, _ = reserve(ctl)
    with service.client() as c:
        jwt = c.fetch(uri).body
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(jwt))
    assert "gzip" in ctl("inspect", path, code=4).stderr
    assert "gzip" in ctl("inspect", b64(gzip.compress(bytes(10))), code=4).stderr
    assert "SD-JWT" in ctl("inspect", jwt.decode() + "~", code=4).stdout
    assert "SD-JWT" in ctl("inspect", jwt.decode() + "~WyJhIl0~" + jwt.decode(), code=4).stdout
    for wrong, said in (('{"bits":3,"lst":"%s"}' % LST, "bits is not valid; expected 1, 2, 4 or 8"), ('{"a":1}', "JSON without a list"),
                        ('{"bits":1,"lst":"AAAA"}', "lst is not valid"), ("{", "not valid JSON"), (b64(b"\x78\xda\0\0"), "cannot be inflated")):
        assert said in ctl("inspect", wrong, code=4).stderr
    assert "expected a token, a list, a file or a URL" in ctl("inspect", "nothing", code=64).stderr


def test_inspect_fails_where_a_check_does(ctl, peer):
    for defect, code in (("jwt-expired", 4), ("jwt-typ", 4), ("jwt-sub", 0), ("right", 0)):  # there is no URI to compare with
        ctl("inspect", peer.uri(defect), "--format", "jwt", code=code)


def test_a_certificate_of_the_expected_signer(ctl, service, certificate):
    uri, index = reserve(ctl)
    anchor = certificate.with_name("tests.ca.pem")
    ctl("verify", uri, index, "--anchors", anchor, "--signer", "subject:CN=statuslistd tests")
    wrong = ctl.json("verify", uri, index, "--anchors", anchor, "--signer", "dns:status.example", code=4)
    failed = {check["name"]: check["detail"] for check in wrong["checks"] if check["outcome"] == "fail"}
    assert set(failed) == {"key"} and "is not the expected signer: dns:status.example" in failed["key"]
    assert "not a name of the form" in ctl("verify", uri, index, "--anchors", anchor, "--signer", "status.example", code=64).stderr
    assert "expected both" in ctl("verify", uri, index, "--cert", certificate, "--signer", "dns:a", code=64).stderr
    assert "expected haip or iso-mdoc" in ctl("verify", uri, index, "--cert", certificate, "--profile", "x", code=64).stderr


def test_profiles_of_certification(ctl, certificate, peer):
    """A generated key passes HAIP from the first minute; Table B.9 wants a certificate of at most 1187 days."""
    uri, index = reserve(ctl)
    anchor = certificate.with_name("tests.ca.pem")
    seen = ctl.json("lint", uri, "--anchors", anchor, "--profile", "haip")
    assert seen["ok"] and not loud(seen), seen
    assert {f"{form}.profile.{check}" for form in ("jwt", "cwt") for check in ("chain", "leaf", "anchor", "alg", "exp", "ttl")} <= {
        f["name"] for f in seen["findings"] if f["outcome"] == "pass"}
    ctl("verify", uri, index, "--anchors", anchor, "--profile", "haip")
    assert loud(ctl.json("lint", uri, "--anchors", anchor, "--profile", "iso-mdoc", code=1)) == {"cwt.profile.validity"}
    assert loud(ctl.json("lint", peer.uri("self-signed"), "--profile", "haip", code=1)) == {
        f"{form}.{check}" for form in ("jwt", "cwt") for check in ("self-signed", "profile.leaf")}
    assert loud(ctl.json("lint", peer.uri("jwt-x5c-anchor"), "--profile", "haip", code=1)) == {"jwt.trust-anchor", "jwt.profile.anchor"}
    assert loud(ctl.json("lint", peer.uri("jwt-no-exp"), "--profile", "haip", code=1)) == {"jwt.exp", "jwt.profile.exp"}
    assert loud(ctl.json("lint", peer.uri("right"), "--profile", "iso-mdoc", code=1)) == {"cwt.profile.key-usage"}


def test_a_clock_that_is_behind(ctl, peer, tmp_path):
    """Five seconds are nothing; a refusal says by how much the clocks differ, and which --skew would do."""
    key = tmp_path / "peer.der"
    key.write_bytes(peer.maker.certificates["issued"])
    ctl("verify", peer.uri("ahead-4"), 0, "--cert", key, "--format", "jwt")
    refused = ctl("verify", peer.uri("ahead-60"), 0, "--cert", key, "--format", "jwt", code=4)
    said = re.search(r"([0-9]+) s ahead of this one: set this clock, or allow for the difference with --skew ([0-9]+)", refused.stderr)
    assert said[1] == said[2] and 5 < int(said[1]) <= 60
    assert f"lies {said[1]} s in the future; clocks may differ by 5 s" in refused.stdout
    ctl("verify", peer.uri("ahead-60"), 0, "--cert", key, "--format", "jwt", "--skew", said[2])


def test_what_the_server_refuses(ctl):
    uri, index = reserve(ctl)
    assert "VALUE_OUT_OF_RANGE" in ctl("set", uri, index, 4, code=6).stderr
    assert "INDEX_OUT_OF_BOUNDS" in ctl("set", uri, 1000, 1, code=6).stderr
    assert "NO_SUCH_POOL" in ctl("reserve", "nothing", code=6).stderr
    assert "AMOUNT_OUT_OF_RANGE" in ctl("reserve", "tests", 1000000, code=6).stderr
    assert ctl.json("set", uri, index, 4, code=6)["code"] == "VALUE_OUT_OF_RANGE"
    refused = ctl("reserve", "tests", credential=False, code=6).stderr
    assert "UNAUTHORIZED" in refused and "--api-key-file" in refused


def test_credentials_from_the_environment(ctl):
    key = ctl.key_file.read_text().strip()
    ctl("reserve", "tests", credential=False, env={"STATUSLIST_API_KEY": key})
    ctl("reserve", "tests", credential=False, env={"STATUSLIST_API_KEY_FILE": str(ctl.key_file)})
    ctl("reserve", "tests", credential=False, code=6, env={"STATUSLIST_API_KEY": "wrong"})
    ctl("reserve", "tests", credential=False, code=64, env={"STATUSLIST_API_KEY_FILE": "/nonexistent"})


def test_tls_with_client_certificates(fixture, tmp_path):
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "clients")
    service = fixture.service(fixture.redis(), {"tests": {"update-interval": "0s"}})
    service.issuer = ("127.0.0.1", free_port())
    service.config["public-url"] = service.config["public-url"].replace("http:", "https:")
    service.config["listen"]["issuer"] = f"127.0.0.1:{service.issuer[1]}"
    service.config["tls"] = {"public": pair(ours.issue("public")), "issuer": {
        **pair(ours.issue("issuer")), "client-ca": str(theirs.path), "client-certificates": "required"}}
    service.start()
    ctl, shown = Ctl(service, tmp_path), theirs.issue("an-issuer")
    ctl.server = f"https://127.0.0.1:{service.issuer[1]}"
    show = ["--cacert", ours.path, "--client-cert", shown[0], "--client-key", shown[1]]
    uri, index = ctl("reserve", "tests", *show).stdout.split()
    ctl("set", uri, index, "invalid", *show)
    assert ctl("get", uri, index, *show).stdout == "1 INVALID\n"
    ctl("get", uri, index, "--cacert", ours.path, code=5)
    ctl("get", uri, index, *show[2:], code=5)
    key = ["--cacert", ours.path, "--cert", service.storage / "keys" / "tests.crt.pem"]
    until(lambda: ctl.json("inspect", uri, *key)["statuses"].get("1") == 1, 20, "the revocation")
    assert ctl.json("verify", uri, index, *key, code=1)["name"] == "INVALID"
    seen = ctl.json("lint", uri, *key)
    assert seen["ok"] and seen["warnings"] == 0, loud(seen)
    assert {"https"} <= {f["name"] for f in seen["findings"] if f["outcome"] == "pass"}


@pytest.mark.parametrize("words, complaint", [
    ([], "usage:"), (["frobnicate"], "\"frobnicate\" is not a command; expected reserve"), (["reserve"], "reserve POOL [AMOUNT]"),
    (["reserve", "tests", "0"], "AMOUNT"), (["set", "u", "-1", "1"], "-1: unknown option"), (["set", "u", "x", "1"], "INDEX"),
    (["set", "u", "1", "revoked"], "VALUE"), (["set", "u", "1", "256"], "VALUE"), (["get", "u"], "get URI INDEX"),
    (["verify", "u", "1.5"], "INDEX"), (["verify", "u", "1", "--cert", "/nonexistent"], "/nonexistent"),
    (["verify", "u", "1", "--jwk", "/dev/null"], "/dev/null"), (["inspect", "nothing"], "expected a token, a list, a file or a URL"),
    (["lint", "u", "--timeout", "soon"], "--timeout"), (["inspect", "u", "--format", "xml"], "--format"),
    (["lint", "u", "--color"], "statuslistctl --help"),
    (["get", "u", "1", "2"], "too many arguments"), (["export", "p", "f", "--redis", "h:0"], "\"h:0\" is not valid; expected HOST:PORT"),
])
def test_usage(ctl, words, complaint):
    assert complaint in ctl(*words, code=64).stderr


def test_help_and_version(ctl):
    shown = ctl("--help").stdout
    for word in ("reserve", "set", "get", "verify", "inspect", "lint", "--api-key-file", "--json"):
        assert word in shown
    assert ctl("--version").stdout.startswith("statuslistctl ")


def test_lint_of_our_own_service_is_green(ctl, certificate, jwk):
    uri, _ = reserve(ctl)
    for key in ([], ["--cert", certificate], ["--jwk", jwk]):
        seen = ctl.json("lint", uri, *key)
        assert seen["ok"] and seen["failures"] == 0 and seen["warnings"] == 0, seen
        assert {f["outcome"] for f in seen["findings"]} == {"pass", "note"} and seen["passed"] > 60
        notes = {f["name"] for f in seen["findings"] if f["outcome"] == "note"}
        assert notes == ({"https"} if key else {"https", "jwt.key", "cwt.key"})
    assert "failures (MUST): 0\n" in ctl("lint", uri).stdout


@pytest.fixture(scope="module")
def peer():
    hooks = {name: hooks for name, (_, _, hooks) in DEFECTS.items()}
    ahead = {f"ahead-{n}": {"jwt_claims": lambda c, n=n: {**c, "iat": int(time.time()) + n}} for n in (4, 60)}
    p = Peer({"right": {}, **hooks, **ahead})
    yield p
    p.close()


def loud(seen):
    return {f["name"] for f in seen["findings"] if f["outcome"] in ("fail", "warn")}


def test_lint_of_a_right_peer(ctl, peer):
    seen = ctl.json("lint", peer.uri("right"))
    assert seen["ok"] and not loud(seen), seen
    assert "skip" not in {f["outcome"] for f in seen["findings"]}


@pytest.mark.parametrize("defect", DEFECTS)
def test_lint_names_exactly_the_defect(ctl, peer, defect):
    outcome, names, _ = DEFECTS[defect]
    names = names if isinstance(names, set) else {names}
    seen = ctl.json("lint", peer.uri(defect), code=1 if outcome == "fail" else 0)
    if outcome == "note":
        assert not loud(seen) and names <= {f["name"] for f in seen["findings"] if f["outcome"] == "note"}
        return
    assert loud(seen) == names, [f for f in seen["findings"] if f["outcome"] != "pass"]
    for f in seen["findings"]:
        if f["name"] in names:
            assert f["outcome"] == outcome and f["section"] and f["detail"]
            assert f["level"] == {"fail": "MUST", "warn": "SHOULD"}[outcome]


def test_there_are_many_defects():
    assert len(DEFECTS) >= 25 and {o for o, _, _ in DEFECTS.values()} == {"fail", "warn", "note"}
