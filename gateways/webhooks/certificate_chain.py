"""Whether a certificate is PayPal's: its chain, its name and its dates, against roots that are trusted.

The roots are those of certifi, which the gateways' own connections trust; for a simulated PayPal, one more from a file.
"""

import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from gateways.webhooks.errors import DeliveryRefused

DOMAIN = ".paypal.com"
"""What the name of the signer ends with; PayPal's own SDKs ask for no more of it."""
MAX_CHAIN_DEPTH = 4
MAX_CERTIFICATES = 8


class TrustedRoots:
    """The authorities whose word on a certificate is taken; raises OSError or ValueError where a file is none."""

    def __init__(self, extra: Path | None = None) -> None:
        added = [] if extra is None else x509.load_pem_x509_certificates(extra.read_bytes())
        self._store = Store([*_sound(Path(certifi.where()).read_bytes()), *added])

    def key_of(self, chain_pem: bytes, now: datetime) -> tuple[rsa.RSAPublicKey, datetime]:
        """Check a certificate that comes with its chain; returns its key and when it expires.

        Raises DeliveryRefused.
        """
        try:
            leaf, *intermediates = x509.load_pem_x509_certificates(chain_pem)
        except ValueError:
            raise DeliveryRefused("what its certificate's address gives is no certificate") from None
        if len(intermediates) >= MAX_CERTIFICATES:
            raise DeliveryRefused("its certificate comes with too many others")
        verifier = (
            PolicyBuilder()
            .store(self._store)
            .time(now)
            .max_chain_depth(MAX_CHAIN_DEPTH)
            .build_server_verifier(x509.DNSName(_name(leaf)))
        )
        try:
            verifier.verify(leaf, intermediates)
        except VerificationError as error:
            reason = str(error).partition("\n")[0][:200]
            raise DeliveryRefused(f"its certificate is not to be trusted: {reason}") from None
        key = leaf.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise DeliveryRefused("its certificate holds no RSA key")
        return key, leaf.not_valid_after_utc


def _sound(bundle: bytes) -> Iterator[x509.Certificate]:
    """Read a bundle without the few old roots that break the standard, such as by a serial number of zero."""
    end = b"-----END CERTIFICATE-----"
    for pem in bundle.split(end)[:-1]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                certificate = x509.load_pem_x509_certificate(pem + end)
            except (ValueError, Warning):
                continue
        yield certificate


def _name(leaf: x509.Certificate) -> str:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [name for name in names.get_values_for_type(x509.DNSName) if name.lower().endswith(DOMAIN)]
    except (x509.ExtensionNotFound, ValueError):
        found = []
    if not found or "*" in found[0]:
        raise DeliveryRefused(f"its certificate is not of a name that ends with {DOMAIN}")
    return found[0]
