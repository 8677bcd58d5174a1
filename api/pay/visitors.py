"""Who is at a page: whether their browser opened the link before, whether their form came from our page, and how often they come."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import bodies
from billing.link_keys import LinkKeys

COOKIE: Final = "pay_link"
COOKIE_SECONDS: Final = 24 * 3600
FORM: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 10
MINUTE: Final = 60.0
LOOKS_A_MINUTE: Final = 90
ACTS_A_MINUTE: Final = 12
MOST_KNOWN: Final = 10_000
"""Links whose visits are counted; the one that was longest ago is forgotten first."""


class Busy(Exception):
    """Too many requests for one link."""


class Visits:
    """How often each link was looked at and acted by, in this process, in the minute that runs."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, link_id: str, *, acts: bool) -> None:
        """Count one; raises Busy beyond what a person does."""
        name, most = (f"{link_id} acts", ACTS_A_MINUTE) if acts else (link_id, LOOKS_A_MINUTE)
        now = time.monotonic()
        began, visits = self._counts.pop(name, (now, 0))
        if now - began >= MINUTE:
            began, visits = now, 0
        self._counts[name] = began, visits + 1
        if len(self._counts) > MOST_KNOWN:
            self._counts.popitem(last=False)
        if visits >= most:
            raise Busy


def has_opened(request: Request, keys: LinkKeys, link_id: str) -> bool:
    """Whether this browser opened the link before it was used."""
    return keys.opened_by(request.cookies.get(COOKIE, "")) == link_id


def remember(response: Response, keys: LinkKeys, link_id: str, *, base_url: str) -> None:
    """Let the browser keep that it opened this link."""
    response.set_cookie(
        COOKIE,
        keys.of_browser(link_id),
        max_age=COOKIE_SECONDS,
        path="/pay",
        secure=base_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def is_of_our_page(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether nothing says that a form came from another site.

    Nobody can post who does not know the link; this is a second line. Our pages send no referrer, so that an older browser,
    which does not tell the site either, gives the origin as `null`.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    ours = urlsplit(base_url)
    return origin in {None, "null", f"{ours.scheme}://{ours.netloc}"}


async def form(request: Request) -> Mapping[str, str]:
    """Read a small form; raises HTTPException for what is none."""
    body = await bodies.raw_body(request, content_type=FORM)
    try:
        fields = parse_qs(body.decode(), max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPException(400, "send the form of the page") from None
    return {name: values[-1] for name, values in fields.items()}
