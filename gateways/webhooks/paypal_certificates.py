"""The keys that PayPal signs with, from the certificates that deliveries name. The address comes from whoever sends.

So it is followed to PayPal's own hosts only, over HTTPS, without redirects, within bounds of time and size, and not often.
"""

import asyncio
import re
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from gateways.webhooks.certificate_chain import TrustedRoots
from gateways.webhooks.errors import CertificateOutOfReach, DeliveryRefused

HOSTS = frozenset({"https://api.paypal.com", "https://api.sandbox.paypal.com"})
ADDRESS = re.compile(r"(https?://[a-z0-9.:-]{1,100})/v1/notifications/certs/[A-Za-z0-9_-]{1,100}")
FETCH_SECONDS = 5.0
MAX_CERTIFICATE_BYTES = 65_536
MAX_KEPT = 32
KEPT_FOR = timedelta(hours=24)
REFUSED_FOR = timedelta(minutes=1)
"""How long an address that gave nothing good is not asked again."""
MAX_FETCHES_PER_MINUTE = 20


@dataclass(frozen=True)
class _Kept:
    """What an address gave: a key, or why it gave none."""

    key: rsa.RSAPublicKey | None
    reason: str
    until: datetime


class PayPalCertificates:
    """Fetches each certificate once, and keeps its key. One fetch at a time: whoever waits for the same finds it there."""

    def __init__(self, roots: TrustedRoots, simulator: str | None = None) -> None:
        """`simulator` is the address, such as http://127.0.0.1:12112, of a simulated PayPal to be believed as well."""
        self._roots = roots
        self._origins = HOSTS | ({simulator.rstrip("/")} if simulator else set())
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._fetches: deque[datetime] = deque()
        self._lock = asyncio.Lock()

    async def key(self, url: str, now: datetime) -> rsa.RSAPublicKey:
        """Return the key of the certificate at an address.

        Raises DeliveryRefused for an address that is not PayPal's and a certificate that is not to be trusted, and
        CertificateOutOfReach where it cannot be fetched now.
        """
        self.require_allowed(url)
        kept = self._known(url, now)
        if kept is None:
            async with self._lock:
                kept = self._known(url, now) or await self._fetched(url, now)
        if kept.key is None:
            raise DeliveryRefused(kept.reason)
        return kept.key

    def require_allowed(self, url: str) -> None:
        """Refuse an address at which no certificate of PayPal's can be; nothing is asked of it."""
        # Compared as text: what two programs could read in two ways, such as a user name or a port, is not among these.
        address = ADDRESS.fullmatch(url)
        if address is None or address[1] not in self._origins:
            raise DeliveryRefused("its certificate's address is not one of PayPal's")

    def _known(self, url: str, now: datetime) -> _Kept | None:
        kept = self._kept.get(url)
        return kept if kept is not None and now < kept.until else None

    async def _fetched(self, url: str, now: datetime) -> _Kept:
        self._require_seldom(now)
        status, pem = await _get(url)
        if status != 200:
            if status == 429 or status >= 500:
                raise CertificateOutOfReach(f"PayPal answers {status} for its certificate")
            return self._keep(url, _Kept(None, f"its certificate's address answers {status}", now + REFUSED_FOR))
        try:
            key, expires_at = self._roots.key_of(pem, now)
        except DeliveryRefused as error:
            return self._keep(url, _Kept(None, str(error), now + REFUSED_FOR))
        return self._keep(url, _Kept(key, "", min(expires_at, now + KEPT_FOR)))

    def _require_seldom(self, now: datetime) -> None:
        """Let no sender of invented addresses make us call PayPal all the time."""
        while self._fetches and self._fetches[0] < now - timedelta(minutes=1):
            self._fetches.popleft()
        if len(self._fetches) >= MAX_FETCHES_PER_MINUTE:
            raise CertificateOutOfReach("too many certificates were asked for within a minute")
        self._fetches.append(now)

    def _keep(self, url: str, kept: _Kept) -> _Kept:
        self._kept[url] = kept
        # Good keys go last: invented addresses push out each other.
        self._kept.move_to_end(url, last=kept.key is not None)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return kept


async def _get(url: str) -> tuple[int, bytes]:
    body = bytearray()
    try:
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=FETCH_SECONDS) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_CERTIFICATE_BYTES:
                    raise DeliveryRefused("what its certificate's address gives is too long for a certificate")
    except (httpx.HTTPError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise CertificateOutOfReach(f"PayPal's certificate cannot be fetched: {reason}") from error
    return response.status_code, bytes(body)
