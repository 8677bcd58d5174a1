"""Requests to PayPal with an access token that is fetched once, shared, and renewed shortly before its end.

A token for each request would be refused: PayPal limits how many an account may have.
"""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from gateways.errors import GatewayUnreachable, OutcomeUnknown
from gateways.paypal_errors import NAME, PayPalFault, fault_of, is_unknown_object
from gateways.wire import Answer, Wire

RENEW_SECONDS_BEFORE_END: Final = 120.0

Shape = TypeVar("Shape", bound=BaseModel)


class AccessToken(BaseModel):
    """What the token endpoint gives."""

    access_token: str
    expires_in: float


class PayPalSession:
    """An account at PayPal, spoken to with its client id and secret."""

    def __init__(self, client_id: str, client_secret: str, api_base: str, timeout_seconds: float) -> None:
        self._api_base = api_base.rstrip("/")
        self._basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._wire = Wire(NAME, timeout_seconds)
        self._token: str | None = None
        self._renew_at = 0.0
        self._fetching: asyncio.Task[str] | None = None

    async def post(
        self, path: str, shape: type[Shape], *, request_id: str, body: Mapping[str, Any]
    ) -> Shape | PayPalFault:
        """Ask for something, which is done once per request id."""
        answer = await self.post_or_empty(path, shape, request_id=request_id, body=body)
        if answer is None:
            raise OutcomeUnknown(NAME, f"gave an empty answer to {path}")
        return answer

    async def post_or_empty(
        self, path: str, shape: type[Shape], *, request_id: str, body: Mapping[str, Any] | None = None
    ) -> Shape | PayPalFault | None:
        """Ask for something that may be answered without a body (HTTP 204)."""
        headers = {"PayPal-Request-Id": request_id, "Prefer": "return=representation"}
        content = None if body is None else json.dumps(body)
        return _understood(await self._send("POST", path, headers, content), shape)

    async def get(self, path: str, shape: type[Shape]) -> Shape:
        """Read an object."""
        return _shown(await self._send("GET", path, {}, None), path, shape)

    async def find(self, path: str, shape: type[Shape], *, empty_is_unknown: bool = False) -> Shape | None:
        """Read an object; None where PayPal does not know it, or, if that says so there, answers without a body."""
        answer = await self._send("GET", path, {}, None)
        if is_unknown_object(answer) or (empty_is_unknown and answer.status == 204):
            return None
        return _shown(answer, path, shape)

    async def close(self) -> None:
        """Release connections; the token is forgotten."""
        if self._fetching is not None:
            self._fetching.cancel()
        self._token = None
        await self._wire.close()

    async def _send(self, method: str, path: str, headers: Mapping[str, str], content: str | None) -> Answer:
        token = await self._current_token()
        answer = await self._with_token(token, method, path, headers, content)
        if answer.status != 401:
            return answer
        # Refused before anything was done, so it may be sent again: once, with a new token.
        self._forget(token)
        return await self._with_token(await self._current_token(), method, path, headers, content)

    async def _with_token(
        self, token: str, method: str, path: str, headers: Mapping[str, str], content: str | None
    ) -> Answer:
        sent = {**headers, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._wire.exchange(method, self._api_base + path, sent, content)

    def _forget(self, token: str) -> None:
        # Another caller may have renewed it since.
        if self._token == token:
            self._token = None

    async def _current_token(self) -> str:
        """Return the token; many callers without one wait for the same fetch and share its result or its failure."""
        if self._token is not None and time.monotonic() < self._renew_at:
            return self._token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_token(), name="paypal access token")
            self._fetching.add_done_callback(self._fetched)
        # A caller that is cancelled does not take the fetch away from the others.
        return await asyncio.shield(self._fetching)

    def _fetched(self, fetching: asyncio.Task[str]) -> None:
        self._fetching = None
        if not fetching.cancelled():
            fetching.exception()  # seen, even if every caller was cancelled meanwhile

    async def _fetch_token(self) -> str:
        headers = {"Authorization": f"Basic {self._basic}", "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self._api_base}/v1/oauth2/token"
        try:
            answer = await self._wire.exchange("POST", url, headers, "grant_type=client_credentials")
            token = _understood(answer, AccessToken)
        except OutcomeUnknown as error:
            # Whatever became of the token, the request that needs it was not sent.
            wait = error.retry_after_seconds
            raise GatewayUnreachable(NAME, f"gave no access token: {error}", retry_after_seconds=wait) from error
        if token is None or isinstance(token, PayPalFault):
            raise GatewayUnreachable(NAME, f"gave no access token: {token.issue if token else 'an empty answer'}")
        self._renew_at = time.monotonic() + max(token.expires_in - RENEW_SECONDS_BEFORE_END, 0.0)
        self._token = token.access_token
        return token.access_token


def identity_in_path(identity: str) -> str:
    """Write an id as one part of a path, whatever is in it."""
    return quote(identity, safe="")


def _shown(answer: Answer, path: str, shape: type[Shape]) -> Shape:
    found = _understood(answer, shape)
    if found is None or isinstance(found, PayPalFault):
        raise OutcomeUnknown(NAME, f"does not show {path}: {found.words if found else 'an empty answer'}")
    return found


def _understood(answer: Answer, shape: type[Shape]) -> Shape | PayPalFault | None:
    if not 200 <= answer.status < 300:
        return fault_of(answer)
    if not answer.body:
        return None
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError:
        # `from None`: what could not be read may hold anything.
        raise OutcomeUnknown(NAME, f"gave an answer that is no {shape.__name__}") from None
