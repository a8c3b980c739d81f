"""A key with a certificate, an intermediate authority and a root that stays out of the tokens."""
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tokens import make_certificate


def signer_with_chain(directory):
    """The `signer` of a pool; beside its files stands root.pem, which a verifier would trust."""
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = make_certificate("root", root_key, ca=True)
    middle = make_certificate("middle", middle_key, root, root_key, ca=True)
    leaf = make_certificate("status", key, middle, middle_key)
    pem = {"root": [root], "chain": [leaf, middle]}
    for name, certificates in pem.items():
        data = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)
        (directory / f"{name}.pem").write_bytes(data)
    path = directory / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return {"pem": {"key": str(path), "certificate": str(directory / "chain.pem")}}
