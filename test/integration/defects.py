"""What can be wrong with a Status Provider, one thing each: {name: (outcome, the findings of lint, hooks of peers.Peer)}."""
import base64

import time
import zlib

import cbor2

from peers import JWT, RAW, b64, certificate
from cryptography.hazmat.primitives.asymmetric import ec


def without(d, *keys):
    return {k: v for k, v in d.items() if k not in keys}


def jwt_list(**changes):
    return {"jwt_claims": lambda c: {**c, "status_list": {**c["status_list"], **changes}}}


def cwt_list(**changes):
    return {"cwt_header": lambda t: (t[0], {**t[1], 65533: {**t[1][65533], **changes}}, t[2])}


def cwt_claims(change):
    return {"cwt_header": lambda t: (t[0], change(t[1]), t[2])}


def cwt_header(change):
    return {"cwt_header": lambda t: (change(t[0]), t[1], t[2])}


def fields(change, only=None):
    """Other fields in the answers that carry a token (or, without a body, what stands for it)."""
    def answer(peer, method, last, query, headers, a):
        status, f, body = a
        if status not in (200, 304) or "ETag" not in f or (only and f["Content-Type"] != only):
            return a
        return status, change(f), body
    return {"answer": answer}


def when(condition, instead):
    """instead(peer, fields, body) answers what meets condition(method, last, query, headers)."""
    def answer(peer, method, last, query, headers, a):
        return instead(peer, a[1], a[2]) if condition(method, last, query, headers, a) else a
    return {"answer": answer}




def anchored(header):
    root = ec.generate_private_key(ec.SECP256R1())
    return {**header, "x5c": header["x5c"] + [base64.b64encode(certificate(root, "root", "root")).decode()]}


def widen(payload):
    """The ttl in four bytes where two do."""
    assert payload.count(b"\x19\xff\xfe\x18\x3c") == 1
    return payload.replace(b"\x19\xff\xfe\x18\x3c", b"\x19\xff\xfe\x1a\x00\x00\x00\x3c")


def doubled(parts):
    return parts[0], parts[1].replace('{"sub"', '{"ttl": 60, "sub"', 1)


NOW = int(time.time())
LST = zlib.compress(RAW, 9)


def flip(token):
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


TOKENS = {
    "jwt-typ": ("fail", "jwt.typ", {"jwt_header": lambda h: {**h, "typ": "JWT"}}),
    "jwt-alg-none": ("fail", "jwt.alg", {"jwt_header": lambda h: {**h, "alg": "none"}}),
    "jwt-alg-mac": ("fail", "jwt.alg", {"jwt_header": lambda h: {**h, "alg": "HS256"}}),
    "jwt-crit": ("fail", "jwt.header", {"jwt_header": lambda h: {**h, "crit": ["x"]}}),
    "jwt-signature": ("fail", "jwt.signature", {"jwt": flip}),
    "jwt-padding": ("fail", "jwt.encoding", {"jwt": lambda t: t + "="}),
    "jwt-x5c-junk": ("fail", "jwt.key", {"jwt_header": lambda h: {**h, "x5c": ["AAAA"]}}),
    "self-signed": ("warn", {"jwt.self-signed", "cwt.self-signed"}, {"certificate": lambda _: "self-signed"}),
    "key-usage": ("fail", {"jwt.key", "cwt.key"}, {"certificate": lambda _: "encipherment"}),
    "purpose": ("warn", {"jwt.extended-key-usage", "cwt.extended-key-usage"}, {"certificate": lambda _: "tls"}),
    "jwt-x5c-anchor": ("warn", "jwt.trust-anchor", {"jwt_header": anchored}),
    "jwt-no-key": ("warn", "jwt.key-hint", {"jwt_header": lambda h: without(h, "x5c")}),
    "jwt-duplicate": ("fail", "jwt.claims", {"jwt_json": doubled}),
    "jwt-sub": ("fail", "jwt.sub", {"jwt_claims": lambda c: {**c, "sub": c["sub"] + "/"}}),
    "jwt-no-sub": ("fail", "jwt.sub", {"jwt_claims": lambda c: without(c, "sub")}),
    "jwt-no-iss": ("warn", "jwt.iss", {"jwt_claims": lambda c: without(c, "iss")}),
    "jwt-iat-future": ("fail", "jwt.iat", {"jwt_claims": lambda c: {**c, "iat": NOW + 1800}}),
    "jwt-no-iat": ("fail", "jwt.iat", {"jwt_claims": lambda c: without(c, "iat")}),
    "jwt-expired": ("fail", "jwt.exp", {"jwt_claims": lambda c: {**c, "exp": NOW - 60, "iat": NOW - 200}}),
    "jwt-no-exp": ("warn", "jwt.exp", {"jwt_claims": lambda c: without(c, "exp")}),
    "jwt-ttl-zero": ("fail", "jwt.ttl", {"jwt_claims": lambda c: {**c, "ttl": 0}}),
    "jwt-ttl-text": ("fail", "jwt.ttl", {"jwt_claims": lambda c: {**c, "ttl": "60"}}),
    "jwt-ttl-long": ("warn", "jwt.ttl-exp", {"jwt_claims": lambda c: {**c, "ttl": 7200}, **fields(
        lambda f: {**f, "Cache-Control": "max-age=60"})}),
    "jwt-no-list": ("fail", "jwt.status_list", {"jwt_claims": lambda c: without(c, "status_list")}),
    "jwt-bits": ("fail", "jwt.bits", jwt_list(bits=3)),
    "jwt-bits-text": ("fail", "jwt.bits", jwt_list(bits="1")),
    "jwt-lst-padding": ("fail", "jwt.lst", jwt_list(lst=base64.urlsafe_b64encode(LST + b"\0" * (-len(LST) % 3 + 1)).decode())),
    "jwt-lst-cut": ("fail", "jwt.zlib", jwt_list(lst=b64(LST[:-2]))),
    "jwt-lst-trailing": ("fail", "jwt.zlib", jwt_list(lst=b64(LST + b"\0"))),
    "jwt-lst-raw-deflate": ("fail", "jwt.zlib", jwt_list(lst=b64(LST[2:-4]))),
    "jwt-lst-empty": ("fail", "jwt.size", jwt_list(lst=b64(zlib.compress(b"")))),
    "jwt-lst-large": ("warn", {"jwt.size", "cwt.size"}, {**jwt_list(lst=b64(zlib.compress(bytes((1 << 20) + 1)))), **cwt_list(
        lst=zlib.compress(bytes((1 << 20) + 1)))}),
    "jwt-lst-bomb": ("fail", "jwt.inflate-limit", jwt_list(lst=b64(zlib.compress(bytes((16 << 20) + 1))))),
    "reserved-status": ("warn", {"jwt.statuses", "cwt.statuses"}, {**jwt_list(bits=8), **cwt_list(bits=8)}),
    "stored": ("note", "jwt.compression", {
        **jwt_list(lst=b64(zlib.compress(bytes(125), 0))), **cwt_list(lst=zlib.compress(bytes(125), 9))}),
    "cwt-tagged-61": ("fail", "cwt.tag", {"cwt": lambda t: b"\xd8\x3d" + t}),
    "cwt-untagged": ("fail", "cwt.tag", {"cwt": lambda t: t[1:]}),
    "cwt-trailing": ("fail", "cwt.encoding", {"cwt": lambda t: t + b"\0"}),
    "cwt-typ": ("fail", "cwt.typ", cwt_header(lambda h: {**h, 16: "statuslist+cwt"})),
    "cwt-typ-number": ("fail", "cwt.typ", cwt_header(lambda h: {**h, 16: 278})),
    "cwt-header-twice": ("fail", "cwt.header", {"cwt_header": lambda t: (t[0], t[1], {16: 279})}),
    "cwt-alg": ("fail", "cwt.alg", cwt_header(lambda h: without(h, 1))),
    "cwt-x5chain-outside": ("warn", "cwt.x5chain", {"cwt_header": lambda t: (without(t[0], 33), t[1], {33: t[0][33]})}),
    "cwt-x5chain-lone": ("warn", "cwt.x5chain", cwt_header(lambda h: {**h, 33: [h[33]]})),
    "cwt-integers": ("warn", "cwt.integers", {"cwt_payload": widen}),
    "cwt-sub": ("fail", "cwt.sub", cwt_claims(lambda c: {**c, 2: "https://elsewhere.example/1"})),
    "cwt-iat-tagged": ("fail", "cwt.iat", cwt_claims(lambda c: {**c, 6: cbor2.CBORTag(1, c[6])})),
    "cwt-exp": ("fail", "cwt.exp", cwt_claims(lambda c: {**c, 6: NOW - 200, 4: NOW - 60})),
    "cwt-ttl": ("fail", "cwt.ttl", cwt_claims(lambda c: {**c, 65534: -60})),
    "cwt-lst-text": ("fail", "cwt.lst", cwt_list(lst=b64(LST))),
    "cwt-zlib": ("fail", "cwt.zlib", cwt_list(lst=LST[:-1] + b"\xff")),
    "cwt-other-list": ("fail", "same-list", cwt_list(bits=2)),
}




def confirm(peer, f, body):
    return 304, f, b""


def head_only(method, *_):
    return method == "HEAD"


def reading(method, last, query, headers, a):
    return method == "GET" and a[0] in (200, 304) and "ETag" in a[1]


HTTP = {
    "http-type": ("fail", {"jwt.content-type", "accept.none"}, fields(lambda f: {**f, "Content-Type": "application/jwt"}, JWT)),
    "http-error": ("fail", "jwt.content-type", when(
        lambda m, last, q, h, a: h.get("Accept") == JWT and reading(m, last, q, h, a) and len(h) < 5,
        lambda p, f, b: (500, {}, b""))),
    "http-max-age": ("fail", "jwt.cache-control", fields(
        lambda f: {**f, "Cache-Control": "public, max-age=61000"}, JWT)),
    "http-s-maxage": ("fail", "jwt.cache-control", fields(
        lambda f: {**f, "Cache-Control": "max-age=10, s-maxage=3000"}, JWT)),
    "http-expires": ("fail", "jwt.cache-control", fields(
        lambda f: {**without(f, "Cache-Control"), "Expires": "Fri, 01 Jan 2100 00:00:00 GMT"}, JWT)),
    "http-no-cache-control": ("warn", "jwt.cache-control", fields(lambda f: without(f, "Cache-Control"), JWT)),
    "http-no-etag": ("warn", "jwt.etag", fields(lambda f: without(f, "ETag"), JWT)),
    "http-etag-form": ("fail", "jwt.etag", fields(lambda f: {**f, "ETag": "abc"}, JWT)),
    "http-etag-same": ("fail", "etag.distinct", {"answer": None}),
    "http-never-304": ("warn", "jwt.not-modified", when(
        lambda m, last, q, h, a: a[0] == 304 and a[1]["Content-Type"] == JWT,
        lambda p, f, b: (200, f, p.token("http-never-304", JWT)[0]))),
    "http-304-etag": ("fail", "jwt.not-modified", when(
        lambda m, last, q, h, a: a[0] == 304 and a[1]["Content-Type"] == JWT,
        lambda p, f, b: (304, without(f, "ETag"), b))),
    "http-304-max-age": ("fail", "jwt.not-modified", when(
        lambda m, last, q, h, a: a[0] == 304 and a[1]["Content-Type"] == JWT,
        lambda p, f, b: (304, {**f, "Cache-Control": "max-age=86400"}, b))),
    "http-304-always": ("fail", "jwt.modified", when(
        lambda m, last, q, h, a: "If-None-Match" in h and reading(m, last, q, h, a) and a[1]["Content-Type"] == JWT,
        confirm)),
    "http-head": ("fail", {"jwt.head", "cwt.head"}, when(head_only, lambda p, f, b: (405, {}, b""))),
    "http-head-type": ("fail", "jwt.head", when(
        lambda m, last, q, h, a: m == "HEAD" and a[1]["Content-Type"] == JWT,
        lambda p, f, b: (200, {**f, "Content-Type": "text/plain"}, b))),
    "http-head-length": ("fail", "jwt.head", when(
        lambda m, last, q, h, a: m == "HEAD" and a[1]["Content-Type"] == JWT,
        lambda p, f, b: (200, {**f, "Content-Length": "7"}, b""))),
    "http-accept-none": ("fail", "accept.none", when(
        lambda m, last, q, h, a: "Accept" not in h and a[0] == 200 and last != "aggregation" and m == "GET",
        lambda p, f, b: (200, {**f, "Content-Type": "text/html"}, b""))),
    "http-accept-q": ("warn", {"accept.q.cwt", "accept.q.zero"}, when(
        lambda m, last, q, h, a: "q=" in h.get("Accept", "") and a[0] == 200,
        lambda p, f, b: (200, {**f, "Content-Type": JWT}, b))),
    "http-accept-png": ("warn", "accept.unacceptable", when(
        lambda m, last, q, h, a: a[0] == 406, lambda p, f, b: (200, {**f, "Content-Type": JWT}, b"x"))),
    "http-gzip-always": ("fail", "encoding.identity", when(
        lambda m, last, q, h, a: m == "GET" and a[0] == 200 and "Accept-Encoding" not in h and a[1].get("Content-Type") == JWT,
        lambda p, f, b: (200, {**f, "Content-Encoding": "gzip"}, b))),
    "http-gzip-broken": ("fail", "encoding.gzip", when(
        lambda m, last, q, h, a: "gzip" in h.get("Accept-Encoding", ""), lambda p, f, b: (200, f, b"no gzip"))),
    "http-gzip-other": ("fail", "encoding.gzip", when(
        lambda m, last, q, h, a: "gzip" in h.get("Accept-Encoding", ""),
        lambda p, f, b: (200, without(f, "Content-Encoding"), b"<html>"))),
    "http-vary": ("warn", "vary", fields(lambda f: {**f, "Vary": "Accept-Encoding"})),
    "http-cors": ("warn", "cors", fields(lambda f: without(f, "Access-Control-Allow-Origin"))),
    "http-preflight": ("warn", "cors.preflight", when(
        lambda m, last, q, h, a: m == "OPTIONS", lambda p, f, b: (501, {}, b""))),
    "http-time-ignored": ("fail", "time", when(
        lambda m, last, q, h, a: q.get("time") == ["86400"],
        lambda p, f, b: (200, {"Content-Type": JWT}, p.token("http-time-ignored", JWT)[0]))),
    "http-time-500": ("fail", "time", when(
        lambda m, last, q, h, a: q.get("time") == ["86400"], lambda p, f, b: (500, {}, b""))),
    "http-time-junk": ("warn", "time.malformed", when(
        lambda m, last, q, h, a: q.get("time") == ["yesterday"], lambda p, f, b: (200, {"Content-Type": JWT}, b""))),
    "http-unknown-list": ("fail", "unknown-list", when(
        lambda m, last, q, h, a: a[0] == 404,
        lambda p, f, b: (200, {"Content-Type": JWT}, p.token("http-unknown-list", JWT)[0]))),
    "http-unknown-410": ("warn", "unknown-list", when(
        lambda m, last, q, h, a: a[0] == 404, lambda p, f, b: (410, {}, b""))),
    "http-cookie": ("warn", "cookies", fields(lambda f: {**f, "Set-Cookie": "id=1"})),
    "http-aggregation-type": ("fail", "aggregation", when(
        lambda m, last, q, h, a: last == "aggregation", lambda p, f, b: (200, {"Content-Type": "text/json"}, b))),
    "http-aggregation-404": ("fail", "aggregation", when(
        lambda m, last, q, h, a: last == "aggregation", lambda p, f, b: (404, {}, b""))),
    "http-aggregation-shape": ("fail", "aggregation", {"aggregation": lambda b: {"lists": b["status_lists"]}}),
    "http-aggregation-entry": ("fail", "aggregation", {"aggregation": lambda b: {"status_lists": b["status_lists"] + [1]}}),
    "http-aggregation-misses": ("fail", "aggregation", {"aggregation": lambda b: {"status_lists": b["status_lists"][1:]}}),
}


def one_etag(peer, method, last, query, headers, a):
    status, f, body = a
    if "ETag" not in f:
        return a
    f = {**f, "ETag": '"1"'}
    return (304, f, b"") if headers.get("If-None-Match") == '"1"' else (200, f, body)


HTTP["http-etag-same"][2]["answer"] = one_etag
DEFECTS = {**TOKENS, **HTTP}
