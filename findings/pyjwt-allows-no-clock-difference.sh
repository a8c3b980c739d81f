#!/bin/bash
# Behaviour: PyJWT refuses a token whose iat is two seconds ahead of the reader's clock. With leeway=5 it reads it.
# One would guess: a reader allows for clocks that differ by a second or two, or does not look at iat, which is no condition in RFC 7519.
# Version: PyJWT 2.15.1 (PyPI), seen on 2026-11-30.
# Output seen: "refused: ImmatureSignatureError; with leeway: read"
# Why it matters here: a list is signed again whenever a status changes, so a reader whose clock is slow meets such tokens; docs/interop.md
#   and docs/verifiers.md say to allow a few seconds.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs python3 with venv, and pip.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv" || { echo "no venv here" >&2; exit 2; }
"$tmp/venv/bin/pip" -q --disable-pip-version-check install --only-binary :all: PyJWT==2.15.1 cryptography==50.0.2 >&2 ||
    { echo "the packages could not be had" >&2; exit 2; }
seen=$("$tmp/venv/bin/python" - 2>/dev/null <<'PYTHON'
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
now = int(time.time())
claims = {"sub": "https://example.com/1", "iat": now + 2, "exp": now + 600, "ttl": 60, "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}
token = jwt.encode(claims, key, algorithm="ES256", headers={"typ": "statuslist+jwt"})


def read(**options):
    try:
        jwt.decode(token, key.public_key(), algorithms=["ES256"], **options)
        return "read"
    except jwt.InvalidTokenError as e:
        return f"refused: {type(e).__name__}"


print(f"{read()}; with leeway: {read(leeway=5)}")
PYTHON
)
echo "$seen"
[ "$seen" = "refused: ImmatureSignatureError; with leeway: read" ]
