"""The API version that is simulated, and the check of the one that a request names."""

import re

from simulators.stripe.errors import Refusal

API_VERSION = "2026-10-28.endive"
_SHAPE = re.compile(r"^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$")


def asked_for(header: str | None) -> str:
    """The version of the answer: the request's, or else the account's; objects look the same in any."""
    if header is None:
        return API_VERSION
    if not _SHAPE.match(header):
        raise Refusal(f"Invalid Stripe API version: {header}", stored=False)
    return header
