#!/bin/bash
# Behaviour: joserfc refuses a JWT whose header has more than 512 characters, which one certificate in x5c exceeds, and a JWT of more than
#   129,536 characters. A registry of the caller's with greater limits reads both.
# One would guess: a library that knows x5c reads a token with one certificate there.
# Version: joserfc 1.8.0 (PyPI), seen on 2026-11-30.
# Output seen (kid alone, x5c of one P-256 certificate, 131,000 characters; then the last two with greater limits):
#   "read; refused: exceeded_size: Header size exceeds 512 bytes.; refused: exceeded_size: Value size exceeds 129536 bytes.; read; read"
# Why it matters here: tokens have x5c unless signer.header.x5c is false; docs/interop.md says what a reader with joserfc has to do.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs python3 with venv, and pip.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv" || { echo "no venv here" >&2; exit 2; }
"$tmp/venv/bin/pip" -q --disable-pip-version-check install --only-binary :all: joserfc==1.8.0 cryptography==50.0.2 >&2 ||
    { echo "the packages could not be had" >&2; exit 2; }
seen=$("$tmp/venv/bin/python" - 2>/dev/null <<'PYTHON'
import base64
import datetime
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt, jws
from joserfc.jwk import import_key

key = ec.generate_private_key(ec.SECP256R1())
now = datetime.datetime.now(datetime.timezone.utc)
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Status")])
certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
               .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(header, lst):
    claims = {"sub": "https://example.com/1", "iat": int(time.time()) - 10, "exp": int(time.time()) + 600, "ttl": 60,
              "status_list": {"bits": 1, "lst": lst}}
    head = {"alg": "ES256", "typ": "statuslist+jwt", **header}
    text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Wide(jws.JWSRegistry):
    max_header_length = 16384
    max_payload_length = 32 << 20


def read(text, registry=None):
    n = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}
    try:
        jwt.decode(text, import_key(jwk), algorithms=["ES256"], registry=registry)
        return "read"
    except Exception as e:
        return f"refused: {e}"


kid = {"kid": "tWpi2CqaIXt1JThiMi7HFqq9gKzyN2Tn0xXWqk3Yv2E"}
x5c = {**kid, "x5c": [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]}
chained, long = token(x5c, "eNrbuRgAAhcBXQ"), token(kid, "A" * 98_000)
assert len(long) > 129_536
print("; ".join([read(token(kid, "eNrbuRgAAhcBXQ")), read(chained), read(long), read(chained, Wide(algorithms=["ES256"])),
                 read(long, Wide(algorithms=["ES256"]))]))
PYTHON
)
echo "$seen"
[ "$seen" = "read; refused: exceeded_size: Header size exceeds 512 bytes.; refused: exceeded_size: Value size exceeds 129536 bytes.; read; read" ]
