"""Access tokens. A token says itself until when it is valid, signed, so that it also outlives a reset of the state."""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import parse_qs

from simulators.paypal.errors import NotAuthenticated

SECRET = b"the simulator's own"
PREFIX = "A21AA"
WRONG_SECRET = "wrong"
SCOPE = (
    "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/payments/refund"
    " https://uri.paypal.com/services/reporting/search/read https://uri.paypal.com/services/applications/webhooks"
)
MINUTE = 60

Document = dict[str, str | int]


class TooManyTokens(Exception):
    """More tokens were fetched within a minute than PayPal gives."""


class Tokens:
    """Gives tokens to any client but one whose secret is `wrong`."""

    def __init__(self) -> None:
        self._given: list[int] = []

    def give(self, authorization: str, form: bytes, now: int, *, seconds: int, per_minute: int) -> tuple[int, Document]:
        """Status and body for a request of a token with this Authorization header; raises TooManyTokens."""
        if not _is_known_client(authorization):
            return 401, {"error": "invalid_client", "error_description": "Client Authentication failed"}
        grant = parse_qs(form.decode("latin-1")).get("grant_type", [""])[0]
        if grant != "client_credentials":
            return 400, {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
        # Neither those of more than a minute ago, nor those of a clock that was moved and then reset.
        self._given = [moment for moment in self._given if now - MINUTE < moment <= now]
        if len(self._given) >= per_minute:
            raise TooManyTokens
        self._given.append(now)
        return 200, {
            "scope": SCOPE,
            "access_token": _token(now + seconds),
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": seconds,
            "nonce": f"{now}{len(self._given)}",
        }


def check(authorization: str, now: int) -> None:
    """Raise NotAuthenticated unless the Authorization header carries a token that is valid now."""
    scheme, _, token = authorization.partition(" ")
    until = token.removeprefix(PREFIX).partition("-")[0]
    if scheme.lower() != "bearer" or not until.isdigit() or now >= int(until):
        raise NotAuthenticated
    if not hmac.compare_digest(token, _token(int(until))):
        raise NotAuthenticated


def _token(until: int) -> str:
    signature = hmac.new(SECRET, str(until).encode(), hashlib.sha256).hexdigest()
    return f"{PREFIX}{until}-{signature}"


def _is_known_client(authorization: str) -> bool:
    scheme, _, encoded = authorization.partition(" ")
    try:
        client, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and bool(client and colon and secret) and secret != WRONG_SECRET
