"""Certificates for tests: an authority, and what it signs, in order or with one thing wrong."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "messageverificationcerts.paypal.com"


def new_key() -> rsa.RSAPrivateKey:
    """A key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as it is sent."""
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Authority:
    """A certificate authority with a key of its own, all of whose certificates are issued at one moment."""

    at: datetime
    name: str = "Test authority"
    key: rsa.RSAPrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.root = self._sign(self.name, self.name, self.key, is_authority=True)

    def certificate(
        self, key: rsa.RSAPrivateKey, server_name: str | None = NAME, *, starts: int = -1, ends: int = 30
    ) -> x509.Certificate:
        """A server's certificate, valid from and until so many days from the moment of issue."""
        return self._sign(server_name or "none", self.name, key, server_name=server_name, starts=starts, ends=ends)

    def _sign(
        self,
        subject: str,
        issuer: str,
        key: rsa.RSAPrivateKey,
        *,
        is_authority: bool = False,
        server_name: str | None = None,
        starts: int = -1,
        ends: int = 30,
    ) -> x509.Certificate:
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.at + timedelta(days=starts))
            .not_valid_after(self.at + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
        )
        if is_authority:
            builder = builder.add_extension(identifier, critical=False)
        else:
            names = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
            builder = builder.add_extension(names, critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        if server_name is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())
