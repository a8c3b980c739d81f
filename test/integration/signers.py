"""Signing keys in every form that the service reads, made by a library that is not the service's."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat,
                                                          pkcs12)


def certificate(subject, key, issuer=None, issuer_key=None, begins=-3600, ends=90 * 86400):
    """Valid from `begins` to `ends`, in seconds from now; without an issuer self-signed."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.utcnow().replace(microsecond=0)
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject if issuer is not None else name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + datetime.timedelta(seconds=begins))
               .not_valid_after(now + datetime.timedelta(seconds=ends)))
    return builder.sign(issuer_key if issuer_key is not None else key, hashes.SHA256())


class Signer:
    """A key with its chain of three, on disk as whatever is asked for. Files are replaced whole, as an operator would."""

    def __init__(self, directory, name, ends=90 * 86400, begins=-3600):
        self.directory, self.name = directory, name
        directory.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        root_key, middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = certificate(f"{name} root", root_key)
        self.middle = certificate(f"{name} middle", middle_key, self.root, root_key)
        self.leaf = certificate(name, self.key, self.middle, middle_key, begins, ends)
        self.chain = [self.leaf, self.middle]

    def put(self, file, content, mode=0o600):
        path = self.directory / file
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(mode)
        os.replace(new, path)
        return str(path)

    def chain_pem(self):
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self.leaf, self.middle, self.root))

    def pem(self, file="signer", mode=0o600):
        return {"pem": {"key": self.put(f"{file}.key.pem", self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8,
                                                                               NoEncryption()), mode),
                        "certificate": self.put(f"{file}.crt.pem", self.chain_pem(), 0o644)}}

    def encrypted_pem(self, password, file="encrypted"):
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        return {"pem": {"key": self.put(f"{file}.key.pem", key), "certificate": self.put(f"{file}.crt.pem", self.chain_pem(), 0o644),
                        "password-file": self.put(f"{file}.password", password + b"\n")}}

    def keystore(self, password, file="signer"):
        p12 = pkcs12.serialize_key_and_certificates(b"signer", self.key, self.leaf, [self.root, self.middle],
                                                    BestAvailableEncryption(password))
        return {"pkcs12": {"keystore": self.put(f"{file}.p12", p12), "password-file": self.put(f"{file}.password", password)}}
