"""TLS for the tests: an authority of their own, files for the service, and clients that speak it."""
import datetime
import ipaddress
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import Client, Connection
from processes import free_port


class Authority:
    """Issues certificates into a directory: name.crt.pem, followed by its chain, and name.key.pem."""

    def __init__(self, directory, name="authority", parent=None):
        self.directory, self.parent = directory, parent
        directory.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = parent or self
        self.certificate = self._sign(name, self.key, signer, 30, ca=True)
        self.path = directory / f"{name}.ca.pem"
        self.path.write_bytes(self.pem(self.certificate))

    @staticmethod
    def pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def _sign(self, name, key, signer, days, ca=False, before=None):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        begin = before or now - datetime.timedelta(hours=1)
        builder = (x509.CertificateBuilder().subject_name(subject)
                   .issuer_name(subject if signer is self and ca else signer.certificate.subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(begin).not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if not ca:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer.key, hashes.SHA256())

    def issue(self, name, days=30, key=None, mode=0o600, password=None, before=None):
        """The pair of paths (certificate with chain, key)."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        chain = self.pem(self._sign(name, key, self, days, before=before))
        at = self
        while at.parent is not None:
            chain += self.pem(at.certificate)
            at = at.parent
        secret = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        certificate_path, key_path = self.directory / f"{name}.crt.pem", self.directory / f"{name}.key.pem"
        certificate_path.write_bytes(chain)
        key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret))
        key_path.chmod(mode)
        return certificate_path, key_path

    def context(self, certificate=None, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
        """A client that trusts this authority; certificate: the pair of paths that it shows."""
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.load_verify_locations(self.path)
        c.minimum_version, c.maximum_version = least, most
        if certificate is not None:
            c.load_cert_chain(*certificate)
        return c


def pair(paths):
    return {"certificate": str(paths[0]), "key": str(paths[1])}


class TlsConnection(Connection):
    def __init__(self, address, context, timeout=20, session=None):
        super().__init__(address, timeout)
        self.context, self.session = context, session

    def open(self, receive_buffer=None):
        super().open(receive_buffer)
        self.sock = self.context.wrap_socket(self.sock, server_hostname="localhost", session=self.session)
        return self


class TlsClient(Client):
    def __init__(self, service, context, pool="tests", issuer_context=None):
        super().__init__(service, pool)
        self.connection = TlsConnection(service.public, context)
        self.issuer = (self.connection if service.issuer == service.public
                       else TlsConnection(service.issuer, issuer_context or context))


def refused(address, context, request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
    """Whether the server ends the handshake, or (as TLS 1.3 has it) the connection right behind it, unanswered."""
    try:
        with socket.create_connection(address, timeout=20) as raw, \
                context.wrap_socket(raw, server_hostname="localhost") as s:
            s.sendall(request)
            return s.recv(100) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def tls_redis(fixture, authority, *extra, clients="no", name="redis", days=30):
    """A Redis with a TLS port and no plain one, and the service's options for it."""
    certificate, key = authority.issue(name, days)
    port = free_port()
    redis = fixture.redis(extra=["--tls-port", str(port), "--bind", "127.0.0.1", "--tls-cert-file", str(certificate),
                               "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority.path),
                               "--tls-auth-clients", clients, *extra])
    return redis, {"host": "127.0.0.1", "port": port, "tls": {"enabled": True, "ca": str(authority.path)}}
