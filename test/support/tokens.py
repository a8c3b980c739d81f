"""Status List Tokens, taken apart with libraries that are not the service's."""
import base64
import time
import zlib

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding


class Token:
    def __init__(self, text, expired_ok=False):
        self.text = text.decode() if isinstance(text, bytes) else text
        self.header = jwt.get_unverified_header(self.text)
        self.chain = [x509.load_der_x509_certificate(base64.b64decode(c)) for c in self.header.get("x5c", [])]
        assert self.chain, "no certificate to check the signature with"
        self.claims = jwt.decode(self.text, self.chain[0].public_key(), algorithms=["ES256", "RS256", "ES384"],
                                 options={"verify_exp": not expired_ok, "verify_iat": not expired_ok,
                                          "verify_aud": False})
        self.sub, self.iat, self.exp = self.claims["sub"], self.claims["iat"], self.claims["exp"]
        assert isinstance(self.iat, int) and isinstance(self.exp, int)
        self.bits = self.claims["status_list"]["bits"]
        lst = self.claims["status_list"]["lst"]
        assert "=" not in lst
        inflater = zlib.decompressobj()
        self.raw = inflater.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4))) + inflater.flush()
        assert inflater.eof and not inflater.unused_data, "not one zlib stream"

    def status(self, index):
        at = index * self.bits
        return self.raw[at // 8] >> (at % 8) & ((1 << self.bits) - 1)

    def nonzero(self):
        """{index: value} of all statuses that are not 0."""
        per = 8 // self.bits
        mask = (1 << self.bits) - 1
        return {i * per + j: byte >> (j * self.bits) & mask
                for i, byte in enumerate(self.raw) if byte
                for j in range(per) if byte >> (j * self.bits) & mask}


def is_signed_by(certificate, issuer):
    key = issuer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(certificate.signature, certificate.tbs_certificate_bytes,
                   ec.ECDSA(certificate.signature_hash_algorithm))
    else:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                   certificate.signature_hash_algorithm)
    return True


def fetch_token(client, uri):
    """The list's token as a wallet gets it, checked against its headers."""
    before = time.time()
    r = client.fetch(uri)
    assert r.status == 200, r
    assert r["content-type"] == "application/statuslist+jwt"
    t = Token(r.body)
    assert t.sub == uri
    assert t.iat <= time.time() and t.exp > before
    return t


def statuses(client, uri):
    return fetch_token(client, uri).nonzero()


def make_certificate(subject, key, issuer=None, issuer_key=None, days=30, ca=False):
    import datetime
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(name)
               .issuer_name(issuer.subject if issuer is not None else name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=days))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    return builder.sign(issuer_key if issuer_key is not None else key, hashes.SHA256())
