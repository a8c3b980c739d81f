#!/bin/bash
# Behaviour: every reader here verifies a list that is signed with ES256. python-jose verifies none of an Ed25519 key; PyJWT and Authlib verify
#   one only under the old name EdDSA, and not under Ed25519 (RFC 9864).
# One would guess: libraries that know JOSE know Ed25519, which RFC 8037 brought in 2017, under both names.
# Version: PyJWT 2.15.1, joserfc 1.8.0, python-jose 3.5.0, jwcrypto 1.6.1, Authlib 1.9.10 (PyPI), seen on 2026-11-30.
# Output seen (ES256, EdDSA, Ed25519): "pyjwt: yes yes no; joserfc: yes yes yes; python_jose: yes no no; jwcrypto: yes yes yes;
#   authlib: yes yes no"
# Why it matters here: docs/interop.md advises ES256, and signer.header.eddsa is EdDSA unless configured otherwise.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs python3 with venv, and pip.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv" || { echo "no venv here" >&2; exit 2; }
"$tmp/venv/bin/pip" -q --disable-pip-version-check install --only-binary :all: PyJWT==2.15.1 joserfc==1.8.0 python-jose==3.5.0 \
    jwcrypto==1.6.1 Authlib==1.9.10 cryptography==50.0.2 >&2 || { echo "the packages could not be had" >&2; exit 2; }
seen=$("$tmp/venv/bin/python" - 2>/dev/null <<'PYTHON'
import base64
import json
import time
import warnings

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

warnings.filterwarnings("ignore")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
    n = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}


def token(alg, key):
    now = int(time.time())
    claims = {"sub": "https://example.com/1", "iat": now - 10, "exp": now + 600, "ttl": 60, "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}
    text = b64(json.dumps({"alg": alg, "typ": "statuslist+jwt"}).encode()) + "." + b64(json.dumps(claims).encode())
    if alg == "ES256":
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return text + "." + b64(key.sign(text.encode()))


def pyjwt(t, alg, key):
    import jwt
    return jwt.decode(t, jwt.PyJWK({**jwk(key), "alg": alg}).key, algorithms=[alg])


def joserfc(t, alg, key):
    from joserfc import jwt, jwk as keys
    return jwt.decode(t, keys.import_key(jwk(key)), algorithms=[alg]).claims


def python_jose(t, alg, key):
    from jose import jwt
    return jwt.decode(t, jwk(key), algorithms=[alg])


def jwcrypto(t, alg, key):
    from jwcrypto import jwt, jwk as keys
    return json.loads(jwt.JWT(jwt=t, key=keys.JWK(**jwk(key)), algs=[alg]).claims)


def authlib(t, alg, key):
    from authlib.jose import JsonWebToken, JsonWebKey
    return JsonWebToken([alg]).decode(t, JsonWebKey.import_key(jwk(key)))


ed, p256 = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
seen = []
for reader in (pyjwt, joserfc, python_jose, jwcrypto, authlib):
    answers = []
    for alg, key in (("ES256", p256), ("EdDSA", ed), ("Ed25519", ed)):
        try:
            ok = reader(token(alg, key), alg, key)["sub"] == "https://example.com/1"
        except Exception:
            ok = False
        answers.append("yes" if ok else "no")
    seen.append(f"{reader.__name__}: " + " ".join(answers))
print("; ".join(seen))
PYTHON
)
echo "$seen"
[ "$seen" = "pyjwt: yes yes no; joserfc: yes yes yes; python_jose: yes no no; jwcrypto: yes yes yes; authlib: yes yes no" ]
