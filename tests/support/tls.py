"""Certificates made for a test, and a private RabbitMQ that shows them."""

import datetime
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: who vouches, and what the server shows."""

    ca: Path
    certificate: Path
    key: Path


def certificates(folder: Path, address: str = LOOPBACK) -> Certificates:
    """An authority of its own, and a server's certificate for this address."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    root = (
        _begun(name, name, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_uses(signs=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    shown = (
        _begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a broker of the tests")]), name, server)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    made.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(shown.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made


def listen_with_tls(rabbit_home: Path, port: int, shown: Certificates) -> None:
    """Have the private RabbitMQ of this directory listen with TLS as well, from its next start on."""
    folder = rabbit_home / "conf.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tls.conf").write_text(
        f"listeners.ssl.1 = {LOOPBACK}:{port}\n"
        f"ssl_options.cacertfile = {shown.ca}\n"
        f"ssl_options.certfile = {shown.certificate}\n"
        f"ssl_options.keyfile = {shown.key}\n"
        "ssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\n"
    )


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _uses(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
