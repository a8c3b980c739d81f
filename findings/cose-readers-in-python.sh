#!/bin/bash
# Behaviour: pycose decodes no COSE message beside cbor2 6, and the same bytes beside cbor2 5. python-cwt verifies a CWT only where both the token
#   and the key have a kid, and the same one.
# One would guess: a package that allows a version of its decoder works with it; a single key that was given is tried on a token without a kid.
# Version: pycose 1.1.0, cbor2 6.2.1 and 5.9.0, python-cwt (cwt) 3.3.0 (PyPI), seen on 2026-11-30.
# Output seen: "pycose, cbor2 6.2.1: refused; pycose, cbor2 5.9.0: read; cwt, no kid in the key: refused; cwt, none in the token: refused;
#   cwt, in both: read"
# Why it matters here: CWTs have a kid unless signer.header.kid is false; docs/interop.md says what readers with these need.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs python3 with venv, and pip.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
install() { # install NAME PACKAGE...
    python3 -m venv "$tmp/$1" || { echo "no venv here" >&2; exit 2; }
    "$tmp/$1/bin/pip" -q --disable-pip-version-check install --only-binary :all: "${@:2}" cryptography==50.0.2 >&2 ||
        { echo "the packages could not be had" >&2; exit 2; }
}
install six pycose==1.1.0 cbor2==6.2.1
install five pycose==1.1.0 cbor2==5.9.0 cwt==3.3.0
cat >"$tmp/read.py" <<'PYTHON'
import sys
import time

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

key = ec.generate_private_key(ec.SECP256R1())


def token(header):
    now = int(time.time())
    protected = cbor2.dumps({1: -7, 16: "application/statuslist+cwt", **header})
    claims = cbor2.dumps({2: "https://example.com/1", 6: now - 10, 4: now + 600, 65534: 60,
                          65533: {"bits": 1, "lst": bytes.fromhex("78dadbb918000217015d")}})
    signed = cbor2.dumps(["Signature1", protected, b"", claims])
    r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, claims, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))


def pycose():
    from pycose.messages import CoseMessage
    return CoseMessage.decode(token({4: b"k"}))


def python_cwt(in_token, in_key):
    import cwt
    n = key.public_key().public_numbers()
    cose_key = {1: 2, -1: 1, 3: -7, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big"), **in_key}
    return cwt.decode(token(in_token), keys=cwt.COSEKey.new(cose_key))[2] == "https://example.com/1"


def read(reader, *words):
    try:
        return "read" if reader(*words) else "refused"
    except Exception:
        return "refused"


if sys.argv[1] == "six":
    print("pycose, cbor2 6.2.1: " + read(pycose), end="; ")
else:
    print("; ".join(["pycose, cbor2 5.9.0: " + read(pycose),
                     "cwt, no kid in the key: " + read(python_cwt, {4: b"k"}, {}),
                     "cwt, none in the token: " + read(python_cwt, {}, {2: b"k"}),
                     "cwt, in both: " + read(python_cwt, {4: b"k"}, {2: b"k"})]))
PYTHON
seen=$(for name in six five; do "$tmp/$name/bin/python" "$tmp/read.py" "$name" 2>/dev/null; done)
echo "$seen"
[ "$seen" = "pycose, cbor2 6.2.1: refused; pycose, cbor2 5.9.0: read; cwt, no kid in the key: refused; cwt, none in the token: refused; cwt, in both: read" ]
