"""A Status Provider in a few lines, right in all that lint looks at, and the same with one thing broken: which one is the
first segment of the path."""
import base64
import copy
import datetime
import gzip
import hashlib
import http.server
import json
import threading
import time
import urllib.parse
import zlib

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

JWT, CWT = "application/statuslist+jwt", "application/statuslist+cwt"
ID = "4cf0279c99b84d11"
RAW = bytes(range(125))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate(key, subject="peer", issuer="peer", signer=None, extension=None):
    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    now = datetime.datetime.utcnow()
    made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    if extension is not None:
        made = made.add_extension(extension, critical=True)
    return made.sign(signer or key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Maker:
    """Tokens. change: {hook: function}, see `defects`."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        ca = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
        purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
        self.certificates = {
            "issued": certificate(self.key, issuer="peers", signer=ca), "self-signed": certificate(self.key),
            "encipherment": certificate(self.key, issuer="peers", signer=ca, extension=usage),
            "tls": certificate(self.key, issuer="peers", signer=ca, extension=purpose)}

    def sign(self, data):
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwt(self, uri, aggregation, change):
        now = int(time.time())
        header = {"alg": "ES256", "typ": "statuslist+jwt", "x5c": [base64.b64encode(self.certificates[change("certificate", "issued")]).decode()]}
        claims = {"sub": uri, "iss": "https://peer.example", "iat": now - 5, "exp": now + 3600, "ttl": 60,
                  "status_list": {"bits": 1, "lst": b64(zlib.compress(RAW, 9)), "aggregation_uri": aggregation}}
        header, claims = change("jwt_header", header), change("jwt_claims", change("claims", claims))
        parts = change("jwt_json", (json.dumps(header), json.dumps(claims)))
        signed = ".".join(b64(p.encode()) for p in parts)
        return change("jwt", f"{signed}.{b64(self.sign(signed.encode()))}").encode(), claims

    def cwt(self, uri, aggregation, change):
        now = int(time.time())
        header = {1: -7, 16: CWT, 33: self.certificates[change("certificate", "issued")]}
        claims = {2: uri, 1: "https://peer.example", 6: now - 5, 4: now + 3600, 65534: 60,
                  65533: {"bits": 1, "lst": zlib.compress(RAW, 9), "aggregation_uri": aggregation}}
        header, claims, outside = change("cwt_header", (header, claims, {}))
        protected, payload = cbor2.dumps(header), change("cwt_payload", cbor2.dumps(claims))
        signature = self.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
        token = cbor2.dumps(cbor2.CBORTag(18, [protected, outside, payload, signature]))
        return change("cwt", token), {"exp": claims.get(4), "ttl": claims.get(65534)}


def quality(accept, kind):
    """The q of the most specific range that covers this media type (RFC 9110 section 12.5.1)."""
    best = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (p.strip() for p in part.split(";"))
        rank = 2 if name == kind else 1 if name == "application/*" else 0 if name == "*/*" else -1
        q = next((float(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if rank > best[0]:
            best = (rank, q)
    return best[1]


class Peer:
    def __init__(self, defects):
        """defects: {name: {hook: function}}."""
        self.maker, self.defects, self.tokens, self.lock = Maker(), defects, {}, threading.Lock()
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                status, fields, body = peer.respond(self.command, self.path, self.headers)
                self.send_response(status)
                for k, v in fields.items():
                    self.send_header(k, v)
                if status not in (204, 304) and "Content-Length" not in fields:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD" and status not in (204, 304):
                    self.wfile.write(body)

            do_GET = do_HEAD = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def uri(self, defect):
        return f"{self.base}/{defect}/{ID}"

    def token(self, defect, kind):
        """One token each for the life of the server; ([bytes, claims])."""
        with self.lock:
            if (defect, kind) not in self.tokens:
                hooks = self.defects[defect]

                def change(hook, value):
                    return hooks[hook](copy.deepcopy(value)) if hook in hooks else value
                make = self.maker.jwt if kind == JWT else self.maker.cwt
                self.tokens[defect, kind] = make(self.uri(defect), f"{self.base}/{defect}/aggregation", change)
            return self.tokens[defect, kind]

    def respond(self, method, target, headers):
        url = urllib.parse.urlsplit(target)
        _, defect, last = url.path.split("/")
        query = urllib.parse.parse_qs(url.query)
        answer = self.right(method, defect, last, query, headers)
        hook = self.defects[defect].get("answer")
        return hook(self, method, last, query, headers, answer) if hook else answer

    def right(self, method, defect, last, query, headers):
        cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "If-None-Match"}
        if method == "OPTIONS":
            return 204, cors, b""
        if last == "aggregation":
            body = {"status_lists": [self.uri(defect), self.uri(defect) + "0"]}
            body = self.defects[defect].get("aggregation", lambda b: b)(body)
            return 200, {**cors, "Content-Type": "application/json"}, json.dumps(body).encode()
        if last != ID:
            return 404, cors, b""
        if "time" in query:
            return (501 if query["time"][0].isdigit() else 400), cors, b""
        accept = headers.get("Accept", "*/*")
        q, kind = max((quality(accept, JWT), JWT), (quality(accept, CWT), CWT), key=lambda p: p[0])
        if q == 0:
            return 406, cors, b""
        return self.list(defect, kind, headers, cors)

    def list(self, defect, kind, headers, cors):
        body, claims = self.token(defect, kind)
        fields = {**cors, "Content-Type": kind, "Vary": "Accept, Accept-Encoding"}
        ttl = claims.get("ttl")
        left = min(ttl if isinstance(ttl, int) and ttl > 0 else 60, (claims.get("exp") or time.time() + 60) - int(time.time()))
        fields["Cache-Control"] = f"max-age={max(0, int(left))}"
        if kind == JWT and "gzip" in headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            fields["Content-Encoding"] = "gzip"
        fields["ETag"] = '"%s"' % hashlib.sha256(body).hexdigest()[:20]
        if headers.get("If-None-Match") == fields["ETag"] and left > 0:
            return 304, fields, b""
        return 200, fields, body
