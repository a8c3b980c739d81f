"""Status List Tokens in CWT format, taken apart with libraries that are not the service's."""
import zlib

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

CWT = "application/statuslist+cwt"
ALGORITHMS = {-7: ("secp256r1", hashes.SHA256, 32), -35: ("secp384r1", hashes.SHA384, 48),
              -36: ("secp521r1", hashes.SHA512, 66)}
ISS, SUB, EXP, IAT, TTL, STATUS_LIST = 1, 2, 4, 6, 65534, 65533


class Cwt:
    """A COSE_Sign1 whose signature holds under the key of its own x5chain."""

    def __init__(self, data):
        tagged = cbor2.loads(data)
        assert isinstance(tagged, cbor2.CBORTag) and tagged.tag == 18, "not a COSE_Sign1"
        self.protected, unprotected, self.payload, self.signature = tagged.value
        assert unprotected == {}
        self.header, self.claims = cbor2.loads(self.protected), cbor2.loads(self.payload)
        assert cbor2.dumps(tagged) == data, "not in the shortest form"
        assert cbor2.dumps(self.header) == self.protected and cbor2.dumps(self.claims) == self.payload
        assert self.header[16] == CWT
        chain = self.header[33]
        assert isinstance(chain, bytes) or len(chain) > 1, "one certificate stands alone"
        self.chain = [x509.load_der_x509_certificate(c) for c in ([chain] if isinstance(chain, bytes) else chain)]
        self.verify(self.chain[0].public_key())
        self.bits = self.claims[STATUS_LIST]["bits"]
        inflater = zlib.decompressobj()
        self.raw = inflater.decompress(self.claims[STATUS_LIST]["lst"]) + inflater.flush()
        assert inflater.eof and not inflater.unused_data, "not one zlib stream"

    def signed(self):
        return cbor2.dumps(["Signature1", self.protected, b"", self.payload])

    def verify(self, key):
        alg = self.header[1]
        if alg == -8:
            key.verify(self.signature, self.signed())
            return
        curve, digest, half = ALGORITHMS[alg]
        assert key.curve.name == curve and len(self.signature) == 2 * half
        r, s = (int.from_bytes(p, "big") for p in (self.signature[:half], self.signature[half:]))
        key.verify(utils.encode_dss_signature(r, s), self.signed(), ec.ECDSA(digest()))

    def is_signed_by(self, key):
        try:
            self.verify(key)
            return True
        except InvalidSignature:
            return False

    def as_jwt_claims(self):
        """The claims by the names of the JWT, without the list itself, which has another form there."""
        names = {ISS: "iss", SUB: "sub", EXP: "exp", IAT: "iat", TTL: "ttl"}
        return {names[k]: v for k, v in self.claims.items() if k != STATUS_LIST}

    def status(self, index):
        at = index * self.bits
        return self.raw[at // 8] >> (at % 8) & ((1 << self.bits) - 1)
