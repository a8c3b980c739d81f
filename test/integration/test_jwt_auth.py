"""Bearer tokens of issuers: every algorithm with its key, and every known way to forge one."""
import base64
import datetime
import hashlib
import hmac
import json
import subprocess
import time

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from client import Connection, until
from processes import BINARY

ISSUER, AUDIENCE = "https://issuer.example", "https://status.example"
LEEWAY = 30
CURVES = {"ES256": (ec.SECP256R1(), 32, hashes.SHA256()), "ES384": (ec.SECP384R1(), 48, hashes.SHA384()),
          "ES512": (ec.SECP521R1(), 66, hashes.SHA512())}
RSA = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}
PSS = {"PS256": hashes.SHA256(), "PS384": hashes.SHA384(), "PS512": hashes.SHA512()}
HMAC = {"HS256": (hashlib.sha256, 32), "HS384": (hashlib.sha384, 48), "HS512": (hashlib.sha512, 64)}
ALGS = [*CURVES, *RSA, *HMAC, *PSS, "EdDSA"]


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def public_pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def sign(alg, key, text):
    """The signature's bytes as JOSE writes them."""
    if alg in HMAC:
        return hmac.new(key, text, HMAC[alg][0]).digest()
    if alg in RSA:
        return key.sign(text, padding.PKCS1v15(), RSA[alg])
    if alg in PSS:
        return key.sign(text, padding.PSS(padding.MGF1(PSS[alg]), PSS[alg].digest_size), PSS[alg])
    if alg == "EdDSA":
        return key.sign(text)
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(CURVES[alg][2])))
    return r.to_bytes(CURVES[alg][1], "big") + s.to_bytes(CURVES[alg][1], "big")


def claims(**more):
    now = int(time.time())
    return {k: v for k, v in {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600, **more}.items() if v is not None}


def text_of(value):
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


def crafted(alg, key, payload=None, header=None):
    """A token of exactly these bytes, with a signature that is right for them."""
    head = b64(text_of(header if header is not None else {"alg": alg, "typ": "JWT"}))
    text = f"{head}.{b64(text_of(payload if payload is not None else claims()))}"
    return f"{text}.{b64(sign(alg, key, text.encode()))}"


@pytest.fixture(scope="module")
def keys():
    made = {alg: ec.generate_private_key(curve[0]) for alg, curve in CURVES.items()}
    made |= {alg: rsa.generate_private_key(public_exponent=65537, key_size=2048) for alg in [*RSA, *PSS]}
    made["EdDSA"] = ed25519.Ed25519PrivateKey.generate()
    return made | {alg: hashlib.sha512(alg.encode()).hexdigest()[: HMAC[alg][1]].encode() for alg in HMAC}


def write_keys(directory, keys):
    """{algorithm: path} of the public keys and secrets in the service's configuration."""
    paths = {}
    for alg, key in keys.items():
        paths[alg] = directory / f"{alg}.pem"
        paths[alg].write_bytes(key + b"\n" if isinstance(key, bytes) else public_pem(key))
        paths[alg].chmod(0o600)
    return {alg: str(path) for alg, path in paths.items()}


SMALL = {"size": 4000, "prefetch": {"threshold": 20, "capacity": 40}}


@pytest.fixture(scope="module")
def service(shared_fixture, keys):
    """A pool for each algorithm, and three that share keys; each has an API key as well."""
    files = write_keys(shared_fixture.directory, keys)

    def auth(*algs, **more):
        return {**SMALL, "jwt-auth": {"keys": [files[a] for a in algs], "issuer": ISSUER, "audience": AUDIENCE, **more}}

    pools = {alg.lower(): auth(alg, **({"algorithm": alg} if alg in HMAC or alg in PSS or alg in ("RS384", "RS512") else {})) for alg in ALGS}
    for alg in ("ES256", "RS256", "HS256", "PS256", "EdDSA"):
        pools[f"at-{alg.lower()}"] = auth(alg, type="at+jwt", **({"algorithm": alg} if alg in ("HS256", "PS256") else {}))
    pools["both"] = auth("ES256", "RS256")
    pools["elsewhere"] = auth("ES256", issuer="https://other.example")
    pools["anybody"] = {**SMALL, "jwt-auth": {"keys": files["ES384"]}}
    pools["keyed"] = {**SMALL, "api-key": "key-of-es256"}
    return shared_fixture.service(shared_fixture.redis(), pools).start()


def ask(service, fields, pool="es256", connection=None):
    """Asks for a reference, once more whenever the service is too busy with forged tokens."""
    fields = fields if isinstance(fields, list) else [("Authorization", f"Bearer {fields}")]

    def once(c):
        r = c.request("POST", f"/pools/{pool}/new-references", fields, b"")
        return r if r.status != 503 else None

    if connection is not None:
        return until(lambda: once(connection), 60, "an answer")
    with Connection(service.public) as c:
        return until(lambda: once(c), 60, "an answer")


def refused(service, token, pool="es256", what=None, connection=None):
    r = ask(service, token, pool, connection)
    assert r.status == 401, (r, token if isinstance(token, str) else "")
    assert r.problem()["code"] == "UNAUTHORIZED"
    challenges = [v for k, v in r.fields if k == "www-authenticate"]
    assert len(challenges) == 2 and challenges[1] == 'ApiKey header="X-Api-Key"', challenges
    assert challenges[0].startswith('Bearer realm="statuslist", error="invalid_token", error_description="The token '), challenges
    if what is not None:
        assert what in challenges[0]
    return r


@pytest.mark.parametrize("alg", ALGS)
def test_each_algorithm_opens_its_pool(service, keys, alg):
    key = keys[alg] if alg in HMAC else private_pem(keys[alg])
    if alg == "EdDSA":  # its other name (RFC 9864)
        assert ask(service, crafted(alg, keys[alg], header={"alg": "Ed25519"}), alg.lower()).status == 200
    for headers in (None, {"typ": "jwt"}, {"typ": None}, {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"}):
        token = jwt.encode(claims(), key, alg, headers=headers)
        assert ask(service, token, alg.lower()).status == 200
    for other in ALGS:
        if other != alg and other not in HMAC:
            refused(service, crafted(other, keys[other], header={"alg": alg}), alg.lower())
            break
    # The same key with another hash, or another curve's name.
    for other in [a for a in ALGS if a != alg and a[:2] == alg[:2]]:
        header = {"alg": other, "typ": "JWT"}
        if alg in CURVES:
            refused(service, crafted(alg, keys[alg], header=header), alg.lower())
        else:
            refused(service, crafted(other, keys[alg], header=header), alg.lower())


@pytest.mark.parametrize("alg", ["ES256", "RS256", "HS256", "PS256", "EdDSA"])
def test_access_tokens_have_pools_of_their_own(service, keys, alg):
    """RFC 9068: an ID token, which is a JWT of the same key, opens nothing where access tokens are wanted; nor the other way round."""
    own = f"at-{alg.lower()}"
    for typ in ("at+jwt", "application/at+jwt", "AT+JWT"):
        token = crafted(alg, keys[alg], header={"alg": alg, "typ": typ})
        assert ask(service, token, own).status == 200
        refused_by = ask(service, token, alg.lower())
        assert refused_by.status in (401, 404) and refused_by.status != 200
    for header in ({"alg": alg}, {"alg": alg, "typ": "JWT"}):
        token = crafted(alg, keys[alg], header=header)
        assert ask(service, token, alg.lower()).status == 200
        assert ask(service, token, own).status in (401, 404)


# What a token says wrongly, though its signature is right: name, header, payload (JSON text, or claims to change)
HEADERS = {
    "alg none": '{"alg":"none"}', "alg None": '{"alg":"None"}', "alg NONE": '{"alg":"NONE"}', "alg nOnE": '{"alg":"nOnE"}',
    "alg empty": '{"alg":""}', "alg missing": '{"typ":"JWT"}', "alg null": '{"alg":null}', "alg in lower case": '{"alg":"es256"}',
    "alg a list": '{"alg":["ES256"]}', "alg PS256": '{"alg":"PS256"}', "alg EdDSA": '{"alg":"EdDSA"}', "alg ES256K": '{"alg":"ES256K"}',
    "alg twice": '{"alg":"ES256","alg":"ES256"}', "alg twice, none first": '{"alg":"none","alg":"ES256"}',
    "alg twice, none last": '{"alg":"ES256","alg":"none"}', "alg twice, escaped": '{"alg":"ES256","\\u0061lg":"none"}',
    "crit": '{"alg":"ES256","crit":["exp"],"exp":1}', "crit empty": '{"alg":"ES256","crit":[]}',
    "crit unknown": '{"alg":"ES256","crit":["http://example/x"],"http://example/x":1}', "b64": '{"alg":"ES256","b64":false,"crit":["b64"]}',
    "jku": '{"alg":"ES256","jku":"https://evil.example/jwks.json"}', "x5u": '{"alg":"ES256","x5u":"https://evil.example/x"}',
    "typ at+jws": '{"alg":"ES256","typ":"at+jws"}', "typ JWS": '{"alg":"ES256","typ":"JWS"}', "typ null": '{"alg":"ES256","typ":null}',
    "typ of our own tokens": '{"alg":"ES256","typ":"statuslist+jwt"}', "zip": '{"alg":"ES256","zip":"DEF"}',
    "enc": '{"alg":"ES256","enc":"A128GCM"}', "not JSON": "alg=ES256", "an array": '["ES256"]', "something behind it": '{"alg":"ES256"}x',
    "a comment": '{"alg":"ES256"/**/}', "no UTF-8": b'{"alg":"ES256","a":"\xff"}', "a NUL": '{"alg":"ES256\\u0000"}', "empty": "",
}
PAYLOADS = {
    "exp missing": {"exp": None}, "exp a text": {"exp": "4000000000"}, "exp an object": {"exp": {}}, "exp true": {"exp": True},
    "exp negative": {"exp": -1}, "exp 0": {"exp": 0}, "exp beyond the years": {"exp": 2**53}, "exp of 64 bits": {"exp": 2**63 - 1},
    "exp of 65 bits": {"exp": 2**64}, "exp of 100 digits": {"exp": int("9" * 100)}, "exp 1e300": {"exp": 1e300}, "exp null": '{"exp":null}',
    "exp 1e400": '{"iss":"%s","aud":"%s","exp":1e400}' % (ISSUER, AUDIENCE), "exp NaN": {"exp": float("nan")},
    "exp Infinity": {"exp": float("inf")}, "exp past": {"exp": int(time.time()) - LEEWAY - 10},
    "nbf future": {"nbf": int(time.time()) + 600}, "nbf a text": {"nbf": "0"}, "nbf negative": {"nbf": -5}, "iat future": {"iat": int(time.time()) + 600},
    "iat a list": {"iat": [0]}, "iss missing": {"iss": None}, "iss another": {"iss": ISSUER + "/"}, "iss in capitals": {"iss": ISSUER.upper()},
    "iss a list": {"iss": [ISSUER]}, "iss with a NUL": {"iss": ISSUER + "\0"}, "sub a number": {"sub": 7}, "iss of another pool": {"iss": "https://nobody.example"},
    "aud missing": {"aud": None}, "aud another": {"aud": "https://status.example.evil"}, "aud empty": {"aud": ""}, "aud no one": {"aud": []},
    "aud a number": {"aud": 1}, "aud an object": {"aud": {AUDIENCE: 1}}, "aud nested": {"aud": [[AUDIENCE]]}, "aud with a number": {"aud": [AUDIENCE, 1]},
    "aud with a null": {"aud": [None, AUDIENCE]}, "aud as one text": {"aud": f"{AUDIENCE} other"},
    "exp twice": '{"iss":"%s","aud":"%s","exp":1,"exp":4000000000}' % (ISSUER, AUDIENCE),
    "iss twice": '{"iss":"https://evil.example","iss":"%s","aud":"%s","exp":4000000000}' % (ISSUER, AUDIENCE),
    "aud twice": '{"aud":"x","iss":"%s","\\u0061ud":"%s","exp":4000000000}' % (ISSUER, AUDIENCE),
    "brackets beyond any parser": '{"iss":"%s","aud":"%s","exp":4000000000,"x":%s' % (ISSUER, AUDIENCE, "[" * 2600),
    "open brackets": "[" * 2000, "not JSON": "exp", "an array": "[]", "a number": "4000000000", "empty": "", "no UTF-8": b'{"exp":4000000000,"\xc0\xae":1}',
    "a token inside": "e30.e30.e30",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_refused(service, keys, name):
    token = crafted("ES256", keys["ES256"], header=HEADERS[name])
    refused(service, token)
    head, payload, _ = token.split(".")
    refused(service, f"{head}.{payload}.")
    refused(service, f"{head}.{payload}.{b64(sign('HS256', public_pem(keys['ES256']), f'{head}.{payload}'.encode()))}")


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_that_are_refused(service, keys, name):
    p = PAYLOADS[name]
    token = crafted("ES256", keys["ES256"], p if not isinstance(p, dict) else claims(**p))
    assert len(token) <= 4096, "refused for its length"
    what = {"exp past": "has expired", "exp 0": "has expired", "nbf future": "not valid yet", "iat future": "not valid yet"}
    refused(service, token, what=what.get(name))


def test_a_public_key_is_no_secret(service, keys):
    """HS256, signed with public knowledge: the public keys in all their forms, nothing, the pool's name."""
    for alg in ("ES256", "RS256"):
        pem = public_pem(keys[alg])
        der = keys[alg].public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        body = b"".join(pem.splitlines()[1:-1])
        for secret in (pem, pem.rstrip(b"\n"), pem.replace(b"\n", b"\r\n"), body, der, b"", b"\0", alg.lower().encode(), b"null", b"undefined"):
            for h in HMAC:
                refused(service, crafted(h, secret), alg.lower())
    for h in HMAC:  # nor does a secret of one algorithm serve another
        for secret in (b"", b"\0", keys["HS256" if h != "HS256" else "HS512"], keys[h] + b"\n", keys[h][:-1]):
            refused(service, crafted(h, secret), h.lower())


def test_a_key_of_the_senders_own(service, keys):
    """The token brings its key, as jwk, x5c, or by reference; signed with that key, and with the right one."""
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key()).serial_number(1)
                   .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(own, hashes.SHA256()))
    x5c = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    for more in ({"jwk": jwk}, {"x5c": x5c}, {"jku": "https://evil.example"}, {"x5u": "https://evil.example"}, {"kid": "/dev/null"},
                 {"kid": "../../../../dev/null"}, {"kid": json.dumps(jwk)}, {"x5t": "AAAA"}, {}):
        refused(service, crafted("ES256", own, header={"alg": "ES256", "typ": "JWT", **more}))
        refused(service, crafted("HS256", b"", header={"alg": "HS256", "typ": "JWT", **more}))
        if {"jwk", "x5c", "jku", "x5u"} & set(more):
            refused(service, crafted("ES256", keys["ES256"], header={"alg": "ES256", "typ": "JWT", **more}))


def test_signatures_that_are_none(service, keys):
    order = {"ES256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551}["ES256"]
    good = crafted("ES256", keys["ES256"])
    text, _, signature = good.rpartition(".")
    right = base64.urlsafe_b64decode(signature + "==")
    r, s = right[:32], right[32:]
    number = lambda n: n.to_bytes(32, "big")  # noqa: E731
    raw = keys["ES256"].sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    for bad in (bytes(64), number(0) + s, r + number(0), number(1) * 2, number(order) * 2, number(order) + s, r + number(order),
                number(order + 1) + s, b"\xff" * 64, s + r, right[:63], right + b"\0", b"\0" + right, right + right, raw, b"", b"\0", bytes(32),
                r + number(int.from_bytes(s, "big") ^ 1)):
        refused(service, f"{text}.{b64(bad)}")
    assert ask(service, good).status == 200
    text, _, signature = crafted("RS256", keys["RS256"]).rpartition(".")
    right = base64.urlsafe_b64decode(signature + "==")
    for bad in (bytes(256), b"\x01", number(1), right[:-1], right + b"\0", b"\0" + right, right[::-1], b"\xff" * 256, b"", bytes(2000)):
        refused(service, f"{text}.{b64(bad)}", "rs256")
    # Right for other bytes: another's payload or header under this signature.
    other = crafted("ES256", keys["ES256"], claims(sub="admin"))
    refused(service, ".".join([*other.split(".")[:2], good.split(".")[2]]))
    refused(service, ".".join([b64('{"typ":"JWT","alg":"ES256"}'), *good.split(".")[1:]]))


def test_forms_that_are_refused(service, keys):
    good = crafted("ES256", keys["ES256"])
    head, payload, signature = good.split(".")
    standard = lambda part: part.replace("-", "+").replace("_", "/")  # noqa: E731
    forms = [f"{head}.{payload}", f"{head}.{payload}.", f"{head}.{payload}..", f"{good}.", f".{good}", f"{good}.{signature}", f"{good}.x.y",
             f"{head}=.{payload}.{signature}", f"{good}=", f"{good}==", f"{good}%3D", f"{good},", f"{good};", f"{good}, {good}", f"{good} {good}",
             f'"{good}"', f"<{good}>", f"{head}..{signature}", f"..{signature}", "", "..", ".", "a", "null", "Bearer " + good,
             f"{head}.{payload}.{signature[:-1]}", f"{head}.{payload}.{signature}A", f"{head}. {payload}.{signature}", f"{payload}.{head}.{signature}",
             f"{head}.{payload}.{signature[:-1]}" + {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]]
    forms += [".".join(standard(p) for p in good.split("."))] if standard(good) != good else []
    for form in forms:
        refused(service, form)
    for scheme in ("bearer", "BEARER", "BeArEr"):
        assert ask(service, [("Authorization", f"{scheme} {good}")]).status == 200
    assert ask(service, [("authorization", f"Bearer   {good}")]).status == 200


def test_the_length_is_bounded(service, keys):
    for filler, status in ((2500, 200), (2900, 401), (6000, 401), (11000, 401)):
        token = crafted("ES256", keys["ES256"], claims(filler="x" * filler))
        assert (len(token) <= 4096) == (status == 200)
        assert ask(service, token).status == status
    r = ask(service, crafted("ES256", keys["ES256"], claims(filler="x" * 14000)))
    assert r.status == 431


def test_times_are_checked_with_leeway(service, keys):
    now = time.time()
    for change, status in (({"exp": now - 20}, 200), ({"exp": now - 40}, 401), ({"exp": now + 0.5}, 200), ({"nbf": now + 20}, 200),
                           ({"nbf": now + 50}, 401), ({"iat": now + 20.25}, 200), ({"iat": now + 50}, 401), ({"iat": None}, 200),
                           ({"exp": 253402300799}, 200), ({"exp": 1e11}, 200), ({"nbf": 0, "iat": 0}, 200)):
        r = ask(service, crafted("ES256", keys["ES256"], claims(**change)))
        assert r.status == status, (change, r)


def test_audiences(service, keys):
    for aud, status in (([AUDIENCE], 200), (["a", "b", AUDIENCE], 200), (["a", "b"], 401), (AUDIENCE, 200)):
        assert ask(service, crafted("ES256", keys["ES256"], claims(aud=aud))).status == status, aud
    # A pool without issuer and audience: any subject is accepted, unless the token names an audience.
    for change, status in (({"aud": None}, 200), ({"aud": None, "iss": None}, 200), ({"aud": None, "iss": "x"}, 200), ({}, 404),
                           ({"aud": []}, 401), ({"aud": ["x"]}, 401)):
        r = ask(service, crafted("ES384", keys["ES384"], claims(**change)), "anybody")
        assert r.status == status, (change, r)


def test_a_key_opens_all_pools_that_name_it(service, keys):
    pools = ("es256", "both", "elsewhere", "rs256", "keyed", "anybody")
    for token, opened in ((crafted("ES256", keys["ES256"]), {"es256", "both"}),
                          (crafted("RS256", keys["RS256"]), {"rs256", "both"}),
                          (crafted("ES256", keys["ES256"], claims(iss="https://other.example")), {"elsewhere"}),
                          (crafted("ES384", keys["ES384"], claims(aud=None)), {"anybody"})):
        for _ in range(2):  # the second time it is remembered
            assert {p for p in pools if ask(service, token, p).status == 200} == opened
    assert {p for p in pools if ask(service, [("X-Api-Key", "key-of-es256")], p).status == 200} == {"es256", "keyed"}


def test_another_pools_list_is_like_no_list(service, keys):
    """Status, header fields and body are the same, byte for byte, for a list of another pool and for none at all."""
    with service.client("rs256") as owner:
        uri, index = owner.reserve()[0]
    nowhere = uri[:-36] + "00000000-0000-4000-8000-000000000000"
    one = lambda u: json.dumps({"uri": u, "index": index, "value": 1}).encode()  # noqa: E731
    many = lambda u: json.dumps({"statusListReferences": [{"uri": u, "index": index}], "value": 1}).encode()  # noqa: E731
    calls = [("PATCH", "/status-lists/update", "/status-lists/update", one(uri), one(nowhere)),
             ("PATCH", "/status-lists/batch-update", "/status-lists/batch-update", many(uri), many(nowhere)),
             ("GET", f"/status-lists/status?uri={uri}&index={index}", f"/status-lists/status?uri={nowhere}&index={index}", None, None),
             ("GET", f"/status-lists/status?uri={uri}&index=99999999", f"/status-lists/status?uri={nowhere}&index=99999999", None, None),
             ("POST", "/pools/rs256/new-references", "/pools/rs999/new-references", b"", b""),
             ("POST", "/pools/rs256/new-references?amount=x", "/pools/rs999/new-references?amount=x", b"", b"")]
    token = crafted("ES256", keys["ES256"])
    with Connection(service.public) as c:
        for credential in (("X-Api-Key", "key-of-es256"), ("Authorization", f"Bearer {token}")):
            for method, theirs, none, theirs_body, none_body in calls:
                fields = [credential, ("Content-Type", "application/json"), ("X-Request-Id", "of-both")]
                a = c.request(method, theirs, fields, theirs_body)
                b = c.request(method, none, fields, none_body)
                assert a.status in (400, 404)
                strip = lambda r: (r.version, r.status, [f for f in r.fields if f[0] != "date"], r.body)  # noqa: E731
                assert strip(a) == strip(b), (theirs, a, b)
        # Without authentication the answers do not differ either.
        for fields in ([], [("X-Api-Key", "nobody's")], [("Authorization", "Bearer a.b.c")]):
            a, b = (c.request("POST", f"/pools/{p}/new-references", [*fields, ("X-Request-Id", "of-both")], b"") for p in ("rs256", "rs999"))
            assert a.status == b.status == 401 and a.body == b.body and len(a.fields) == len(b.fields)


def test_one_credential_only(service, keys):
    good = ("Authorization", f"Bearer {crafted('ES256', keys['ES256'])}")
    bad = ("Authorization", "Bearer a.b.c")
    key = ("X-Api-Key", "key-of-es256")
    basic = ("Authorization", "Basic dTpw")
    for fields in ([good, key], [key, good], [bad, key], [good, good], [good, bad], [bad, good], [key, key], [key, ("X-Api-Key", "x")],
                   [good, basic], [basic, good]):
        r = ask(service, fields)
        assert r.status == 400 and r.problem()["code"] == "MALFORMED_REQUEST", fields
        assert r["www-authenticate"].startswith('Bearer realm="statuslist", error="invalid_request"')
    for fields in ([good], [key], [key, basic], [basic, key], [basic, basic, key], [key, basic, basic, basic]):
        assert ask(service, fields).status == 200, fields


def test_challenges(service):
    for fields in ([], [("X-Api-Key", "nobody's")], [("Authorization", "Basic dTpw")], [("X-Api-Key", "")], [("Authorization", "Bearertoken")]):
        r = ask(service, fields)
        assert r.status == 401
        assert [v for k, v in r.fields if k == "www-authenticate"] == ['Bearer realm="statuslist"', 'ApiKey header="X-Api-Key"']
        assert "X-Api-Key" in r.problem()["detail"] and "Authorization" in r.problem()["detail"]


def test_bearer_tokens_do_everything(service, keys):
    """Reserving, updating, reading; a list that is looked up first as well."""
    field = ("Authorization", f"Bearer {crafted('ES256', keys['ES256'])}")
    fields = [field, ("Content-Type", "application/json")]
    with Connection(service.public) as c:
        reference = c.request("POST", "/pools/es256/new-references", fields, b"").json()["references"][0]
        assert c.request("PATCH", "/status-lists/update", fields, json.dumps({**reference, "value": 1}).encode()).status == 204
        batch = json.dumps({"statusListReferences": [reference], "value": 0}).encode()
        assert c.request("PATCH", "/status-lists/batch-update", fields, batch).status == 204
        r = c.request("GET", f"/status-lists/status?uri={reference['uri']}&index={reference['index']}", fields)
        assert r.status == 200 and r.json()["value"] == 0


def test_an_idempotency_key_belongs_to_issuer_and_subject(service, keys):
    """A repeated call may carry another token: the first one may have expired."""
    def references(**more):
        fields = [("Authorization", f"Bearer {crafted('ES256', keys['ES256'], claims(**more))}"), ("Idempotency-Key", '"again"')]
        r = ask(service, fields)
        assert r.status == 200, r
        return r.body

    first = references(sub="a", jti="1")
    assert references(sub="a", jti="2") == first == references(sub="a", jti="1")
    others = [references(sub="b"), references(sub=""), ask(service, [("X-Api-Key", "key-of-es256"), ("Idempotency-Key", '"again"')]).body]
    assert len({first, *others}) == 4
    assert references(sub=None) == others[1]


def test_nothing_secret_is_logged(service, keys):
    token = crafted("ES256", keys["ES256"], claims(sub="mallory"))
    forged = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "QQQQ")
    refused(service, forged)
    log = service.log()
    for secret in (*token.split("."), *forged.split("."), *(keys[h].decode() for h in HMAC), "key-of-es256"):
        assert secret not in log


# ---- what is remembered


def one_worker(fixture, keys, **more):
    files = write_keys(fixture.directory, {a: keys[a] for a in ("HS256", "ES256")})
    auth = {"issuer": ISSUER, "audience": AUDIENCE}
    pools = {"hs256": {**SMALL, "jwt-auth": {"keys": files["HS256"], "algorithm": "HS256", **auth}},
             "es256": {**SMALL, "jwt-auth": {"keys": [files["ES256"]], **auth}}}
    return fixture.service(fixture.redis(), pools, workers=1, **more).start()


def outcomes(service):
    return {o: service.metric("bearer_tokens_total", pool=None, outcome=o) for o in ("verified", "remembered", "refused", "put_off")}


def test_a_token_is_verified_once_and_expires_all_the_same(fixture, keys):
    service = one_worker(fixture, keys)
    until_then = time.time() + 8
    token = crafted("ES256", keys["ES256"], claims(exp=until_then - LEEWAY))
    asked = 0
    while asked < 20 and time.time() < until_then - 4:
        assert ask(service, token).status == 200
        asked += 1
    assert asked > 1
    assert outcomes(service) == {"verified": 1, "remembered": asked - 1, "refused": 0, "put_off": 0}
    assert service.metric("bearer_tokens_remembered", pool=None) == 1
    time.sleep(max(0, until_then + 0.2 - time.time()))
    refused(service, token, what="has expired")
    assert service.metric("bearer_tokens_remembered", pool=None) == 0
    # A refused one is refused anew each time, and leaves no trace.
    for n in range(3):
        refused(service, crafted("ES256", keys["ES256"], claims(iss="nobody")))
        assert outcomes(service)["refused"] == n + 2
    assert service.metric("bearer_tokens_remembered", pool=None) == 0


def test_memory_for_tokens_is_bounded(fixture, keys):
    service = one_worker(fixture, keys)
    fields = lambda n: [("Authorization", f"Bearer {crafted('HS256', keys['HS256'], claims(jti=str(n)))}")]  # noqa: E731
    first = fields(0)
    with Connection(service.public) as c:
        target = "/pools/none/new-references"  # 404 once the token is known, and no reference is used up
        for n in range(1300):
            assert c.request("POST", target, fields(n) if n else first, b"").status == 404
            # Forged ones between them drive none out.
            if n % 10 == 0:
                token = crafted("HS256", b"x" * 32, claims(jti=str(n)))
                assert c.request("POST", target, [("Authorization", f"Bearer {token}")], b"").status in (401, 503)
                assert c.request("POST", target, first, b"").status == 404
    seen = outcomes(service)
    assert service.metric("bearer_tokens_remembered", pool=None) == 1024
    assert seen["verified"] == 1300 and seen["remembered"] == 130, "the one in use is never driven out"


def test_forged_tokens_do_not_take_all_the_time(fixture, keys):
    service = one_worker(fixture, keys)
    good = ("Authorization", f"Bearer {crafted('ES256', keys['ES256'])}")
    assert ask(service, [good]).status == 200
    own = ec.generate_private_key(ec.SECP256R1())
    forged = [("Authorization", f"Bearer {crafted('ES256', own)}")]
    target = "/pools/es256/new-references"
    with Connection(service.public) as c:
        statuses = []
        while not statuses or statuses[-1] == 401 and len(statuses) < 20000:
            r = c.request("POST", target, forged, b"")
            statuses.append(r.status)
        assert statuses[-1] == 503 and len(statuses) > 5
        assert r["retry-after"] == "1" and r.problem()["code"] == "UNAVAILABLE" and r["www-authenticate"] is None
        # Who is known, or has an API key, does not notice; who is new gets in when the debt is paid.
        assert c.request("POST", target, [good], b"").status == 200
        assert c.request("POST", target, [("X-Api-Key", "key-of-es256")], b"").status == 200
        assert ask(service, crafted("ES256", keys["ES256"], claims(sub="new")), connection=c).status == 200
    assert outcomes(service)["put_off"] >= 1


def test_without_jwt_auth_authorization_is_not_ours(fixture, keys):
    service = fixture.service(fixture.redis(), {"tests": SMALL}).start()
    token = ("Authorization", f"Bearer {crafted('ES256', keys['ES256'])}")
    key = ("X-Api-Key", "key-of-tests")
    for fields in ([key, token], [token, token, key]):
        assert ask(service, fields, "tests").status == 200
    for fields in ([token], [("X-Api-Key", "x"), token]):
        r = ask(service, fields, "tests")
        assert r.status == 401 and [v for k, v in r.fields if k == "www-authenticate"] == ['ApiKey header="X-Api-Key"']
    assert ask(service, [key, key], "tests").status == 400


def test_a_pool_with_tokens_only(fixture, keys):
    files = write_keys(fixture.directory, {"ES512": keys["ES512"]})
    service = fixture.service(fixture.redis(), {"tests": {**SMALL, "jwt-auth": {"keys": files["ES512"], "issuer": ISSUER, "audience": AUDIENCE}}})
    service.options().pop("api-key")
    service.start()
    assert ask(service, crafted("ES512", keys["ES512"]), "tests").status == 200
    assert ask(service, [("X-Api-Key", "key-of-tests")], "tests").status == 401


# ---- key files


def test_key_files_that_are_refused(fixture, keys):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(keys["ES256"].public_key()).serial_number(1)
                   .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(keys["ES256"], hashes.SHA256()))
    encrypted = keys["ES256"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                            serialization.BestAvailableEncryption(b"password"))
    rows = [(private_pem(keys["ES256"]), "by-key", "it is a private key, which only its owner may have; give the public key"),
            (encrypted, "by-key", "it is a private key"),
            (certificate.public_bytes(serialization.Encoding.PEM), "by-key", "it is a certificate; give its public key: openssl x509"),
            (public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "by-key", "an RSA key of 1024 bits; expected 2048"),
            (public_pem(ed448.Ed448PrivateKey.generate()), "by-key", "a key of the type ED448; expected RSA, EC on P-256"),
            (public_pem(keys["EdDSA"]), "PS256", "it is an Ed25519 key, and jwt-auth.algorithm is PS256; expected EdDSA, or by-key"),
            (public_pem(ec.generate_private_key(ec.SECP256K1())), "by-key", "a key of the type EC secp256k1"),
            (public_pem(keys["ES256"]) * 2, "by-key", "more than one key"),
            (b"nonsense", "by-key", "it contains no PEM"),
            (public_pem(keys["ES256"]), "RS256", "it is a key on P-256, and jwt-auth.algorithm is RS256; expected ES256, or by-key"),
            (public_pem(keys["RS256"]), "ES256", "it is an RSA key, and jwt-auth.algorithm is ES256; expected RS256, or by-key"),
            (public_pem(keys["RS256"]), "HS256", "it is PEM, and jwt-auth.algorithm is HS256; expected a secret"),
            (b"too short\n", "HS384", "the secret (not shown) has 9 bytes; expected at least 48 for HS384"),
            (keys["HS256"], "by-key", "it contains no PEM")]
    for content, algorithm, message in rows:
        path = fixture.directory / "the-key"
        path.write_bytes(content)
        path.chmod(0o600)
        service = fixture.service(fixture.redis() if not fixture.redises else fixture.redises[0],
                                {"tests": {"jwt-auth": {"keys": [str(path)], "algorithm": algorithm, "issuer": "i"}}})
        run = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], capture_output=True, text=True,
                             env=service.environment(), stdin=subprocess.DEVNULL)
        assert run.returncode != 0 and message in run.stderr, (message, run.stderr)
        assert "jwt-auth.keys" in run.stderr and str(path) in run.stderr
        for line in content.decode().splitlines():
            assert len(line) < 20 or "-----" in line or line not in run.stderr, "the key's text is shown"


def test_how_many_keys_a_token_may_have_to_be_tried_with(fixture, keys):
    paths = []
    for n in range(9):
        paths.append(fixture.directory / f"{n}.pem")
        paths[-1].write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
    for issuers, ok in ((["i"] * 9, False), (["i"] * 8, True), ([f"i{n}" for n in range(9)], True), ([None] * 8, True), ([None] * 8 + ["i"], False)):
        pools = {f"p{n}": {"jwt-auth": {"keys": str(paths[n]), "audience": "a", **({"issuer": i} if i else {})}} for n, i in enumerate(issuers)}
        service = fixture.service(None, pools)
        run = subprocess.run([str(BINARY), "--config", str(service.write_config()), "--check"], capture_output=True, text=True,
                             env=service.environment(), stdin=subprocess.DEVNULL)
        assert (run.returncode == 0) == ok, run.stderr
        assert ok or "one bearer token could require trying 9 keys; expected at most 8" in run.stderr


def test_keys_in_use_can_change(fixture, keys):
    """Two keys for a rollover; what is configured for an algorithm that is not by the key's own choice."""
    files = write_keys(fixture.directory, {a: keys[a] for a in ("RS256", "RS512", "ES256")})
    auth = {"issuer": ISSUER, "audience": AUDIENCE}
    pools = {"two": {**SMALL, "jwt-auth": {"keys": [files["RS256"], files["RS512"], files["ES256"]], **auth}},
             "rs512": {**SMALL, "jwt-auth": {"keys": [files["RS256"], files["RS512"]], "algorithm": "RS512", **auth}}}
    service = fixture.service(fixture.redis(), pools).start()
    for name in ("RS256", "RS512"):
        assert ask(service, crafted("RS256", keys[name]), "two").status == 200
        assert ask(service, crafted("RS512", keys[name]), "rs512").status == 200
        assert ask(service, crafted("RS256", keys[name]), "rs512").status == 404
        refused(service, crafted("RS384", keys[name]), "two")
    assert ask(service, crafted("ES256", keys["ES256"]), "two").status == 200
