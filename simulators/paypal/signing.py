"""Signatures of webhooks, as PayPal makes them: RSA over `id|time|webhook_id|crc32(body)`, with a certificate to fetch.

Key, certificate and root lie beside the state file, so that a restart or a reset does not change who signs.
"""

import base64
import binascii
import json
import uuid
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulators.paypal import certificates, moments

ALGORITHM = "SHA256withRSA"
CERTIFICATE_PATH = "/v1/notifications/certs/CERT-360caa42-fca2a594-simulator"


class Signer:
    """Signs with a key of its own, made when it is first needed."""

    def __init__(self, state: Path, *, webhook_id: str, server_url: str) -> None:
        """`server_url` is where the receivers of events reach this simulator."""
        self._file = state.with_name(f"{state.name}.signer.pem")
        self.root_file = state.with_name(f"{state.name}.root.pem")
        self.webhook_id = webhook_id
        self.certificate_url = f"{server_url}{CERTIFICATE_PATH}"

    def make_ready(self) -> None:
        """Make the key and its certificate now, unless they are there, so that `root_file` can be read."""
        _ = self._pair

    def sign(self, body: bytes, at: int) -> dict[str, str]:
        """Headers for one transmission of an event."""
        transmission_id, moment = str(uuid.uuid4()), moments.write(at)
        message = _message(transmission_id, moment, self.webhook_id, body)
        signature = self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-TIME": moment,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
            "PAYPAL-CERT-URL": self.certificate_url,
            "PAYPAL-AUTH-ALGO": ALGORITHM,
        }

    def verify(self, asked: dict[str, Any], event: bytes) -> bool:
        """Whether a transmission, described as in PayPal's verification request, is one of ours of exactly this event."""
        if asked["auth_algo"] != ALGORITHM or asked["webhook_id"] != self.webhook_id:
            return False
        message = _message(asked["transmission_id"], asked["transmission_time"], self.webhook_id, event)
        try:
            signature = base64.b64decode(asked["transmission_sig"], validate=True)
            self._key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error):
            return False
        return True

    @property
    def certificate(self) -> bytes:
        """The certificate with the root that vouches for it, PEM."""
        return self._pair[1]

    @property
    def _key(self) -> rsa.RSAPrivateKey:
        return self._pair[0]

    @cached_property
    def _pair(self) -> tuple[rsa.RSAPrivateKey, bytes]:
        if not self._file.exists():
            made = certificates.make()
            _write(self.root_file, made.root)
            _write(self._file, made.key + made.certificate + made.root)
        pem = self._file.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self._file} holds no RSA key: delete it")
        return key, pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]


def raw_value(document: bytes, name: str) -> bytes:
    """A field of a JSON object exactly as it was sent; the signature is over bytes, not over what they mean."""
    text = document.decode()
    decoder = json.JSONDecoder()
    position = _skip(text, text.index("{") + 1)
    while text[position] == '"':
        field, position = decoder.raw_decode(text, position)
        start = _skip(text, _skip(text, position) + 1)
        _, end = decoder.raw_decode(text, start)
        if field == name:
            return text[start:end].encode()
        position = _skip(text, end)
        position = _skip(text, position + 1) if text[position] == "," else position
    raise KeyError(name)


def _skip(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


def _message(transmission_id: str, moment: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{moment}|{webhook_id}|{zlib.crc32(body)}".encode()


def _write(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)
