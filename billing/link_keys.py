"""What makes a pay link ours: the signature under its id, by keys of the settings. Pure.

A token is the link's id and a signature. Whoever holds it may pay, so it gets into no log; what is signed for a browser has
another purpose, and is no token.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from itsdangerous import BadSignature, Signer

ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
LONGEST: Final = 200
SHORTEST_KEY: Final = 32


class LinkKeys:
    """Keys of links: the first signs, and what any of them signed is believed, so that one can be changed for another."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("there has to be a key")
        newest_last = list(reversed(keys))
        self._links, self._browsers = _signer(newest_last, "pay link"), _signer(newest_last, "pay link, browser")

    def token(self, link_id: str) -> str:
        """Return what stands in the address of a link."""
        return self._links.sign(link_id).decode()

    def link_id(self, token: str) -> str | None:
        """Return whose token it is; None for what was not signed here."""
        return _signed(self._links, token)

    def of_browser(self, link_id: str) -> str:
        """Return what a browser keeps that opened a link before it was used."""
        return self._browsers.sign(link_id).decode()

    def opened_by(self, kept: str) -> str | None:
        """Return which link a browser has opened; None for what was not signed here."""
        return _signed(self._browsers, kept)


class LinkAddresses(NamedTuple):
    """Where links lead: the address under which customers reach the HTTP service, and the keys that sign the rest."""

    keys: LinkKeys
    base_url: str

    def of(self, link_id: str, step: str = "") -> str:
        """Return the address of a link's page, or of a step of it."""
        return f"{self.base_url}/pay/{self.keys.token(link_id)}{step}"


def _signer(keys: list[str], purpose: str) -> Signer:
    return Signer(keys, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)


def _signed(signer: Signer, text: str) -> str | None:
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        link_id = signer.unsign(text).decode()
    except (BadSignature, UnicodeDecodeError):
        return None
    return link_id if ID.fullmatch(link_id) else None
