"""The pages as HTML: no script, nothing from elsewhere, nothing kept by a browser or told to another site."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from api.pay.words import WORDS, language_of
from billing.link_keys import LinkAddresses, LinkKeys
from billing.link_standing import Stage, Standing
from billing.links import PayLink
from billing.methods import Method
from billing.notices import localised

FOLDER: Final = Path(__file__).with_name("templates")
SOON_SECONDS, LATER_SECONDS, LONG_SECONDS = 3, 15, 120
SAID: Final = frozenset({Stage.PAID, Stage.CLOSED, Stage.UNDER_WAY, Stage.CONFIRM, Stage.DECLINED, Stage.KEPT})
"""Stages that a sentence is said of."""
CARD_GATEWAYS: Final = frozenset({"stripe"})
"""Where a customer gives a card; elsewhere a wallet, which has the gateway's name."""
_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
_PAGES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, auto_reload=False
)


class House(NamedTuple):
    """Whose pages they are."""

    addresses: LinkAddresses
    merchant: str
    is_local: bool
    """Whether the gateways' own pages are on this machine, and so without TLS."""

    @property
    def keys(self) -> LinkKeys:
        """What signs links, and what browsers keep of them."""
        return self.addresses.keys

    @property
    def base_url(self) -> str:
        """Where customers reach the pages."""
        return self.addresses.base_url

    def address(self, link_id: str, step: str = "") -> str:
        """Return the address of a link's page, or of a step of it."""
        return self.addresses.of(link_id, step)


class Visit(NamedTuple):
    """A link and who looks at it."""

    link: PayLink
    has_opened: bool
    """Whether this browser opened it before it was used."""
    now: datetime


def told(
    house: House,
    language: str,
    topic: str,
    status: int,
    *,
    back: str | None = None,
    title: str | None = None,
    **headers: str,
) -> Response:
    """Make a page that says one thing."""
    words = WORDS[language]
    content = {"heading": words[title or f"{topic}_title"], "told": words[topic], "back": back, "refresh": None}
    return HTMLResponse(_html("told.html", house, language, content), status, _headers(house) | headers)


def invoice(
    house: House,
    visit: Visit,
    standing: Standing,
    gateways: Sequence[str],
    *,
    topic: str | None = None,
    status: int = 200,
) -> Response:
    """Make the page of an invoice; `topic` is what is said first."""
    language = language_of(standing.customer.locale)
    words = WORDS[language]
    locale = localised.locale_of(standing.customer.locale, language)
    is_owed = standing.stage not in {Stage.PAID, Stage.CLOSED}
    amount = localised.money(standing.invoice.due if is_owed else standing.invoice.total, locale)
    is_usable = visit.link.over(visit.now) is None and standing.stage is Stage.OFFERED
    choices = [_choice(method, locale, words, visit.now.date()) for method in standing.methods if method.is_usable]
    choices = [
        each | {"is_first": not any(other["is_good"] for other in choices[:at])} for at, each in enumerate(choices)
    ]
    may_pay = is_usable and standing.may_pay and any(each["is_good"] for each in choices)
    may_follow = standing.stage is Stage.DECLINED and visit.has_opened
    link_id = visit.link.link_id
    content = {
        "heading": words["invoice"].format(number=standing.invoice.number or standing.invoice.invoice_id),
        "stage": standing.stage.value,
        "told": words[topic] if topic else None,
        "is_owed": is_owed,
        "amount": amount,
        "said": words[standing.stage.value] if standing.stage in SAID else None,
        "action_url": standing.action_url,
        "again": house.address(link_id, "/again") if may_follow else None,
        "pay": house.address(link_id, "/pay") if may_pay else None,
        "pay_label": words["pay"].format(amount=amount),
        "methods": choices,
        "give": house.address(link_id, "/method") if is_usable and gateways else None,
        "give_explained": words["give_explained" if standing.may_pay else "give_only"],
        "gateways": [{"name": name, "label": _give_label(name, words)} for name in gateways],
        "once": words["once"].format(day=localised.day(visit.link.expires_at, standing.customer.time_zone, locale)),
        "refresh": _refresh(visit, standing.stage),
    }
    return HTMLResponse(_html("invoice.html", house, language, content), status, _headers(house))


def _html(template: str, house: House, language: str, content: Mapping[str, Any]) -> str:
    shared = {"language": language, "w": WORDS[language], "merchant": house.merchant}
    return _PAGES.get_template(template).render(shared | dict(content))


def _headers(house: House) -> dict[str, str]:
    return {**_HEADERS, "content-security-policy": policy(house)}


def policy(house: House) -> str:
    """Return the content security policy.

    A form's answer leads to a gateway's page, whose address only the gateway knows: browsers hold a redirect to `form-action` too.
    """
    elsewhere = "https: http://127.0.0.1:* http://localhost:*" if house.is_local else "https:"
    return (
        f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {elsewhere}"
    )


def _refresh(visit: Visit, stage: Stage) -> int | None:
    """After how many seconds the page asks again; without a script."""
    if stage not in {Stage.UNDER_WAY, Stage.CONFIRM}:
        return None
    since = visit.link.used_at or visit.now
    return SOON_SECONDS if (visit.now - since).total_seconds() < LONG_SECONDS else LATER_SECONDS


def _choice(method: Method, locale: Any, words: Mapping[str, str], today: date) -> dict[str, Any]:
    has_expired = method.expires_on is not None and method.expires_on < today
    until = None
    if method.expires_on is not None:
        month = localised.month(method.expires_on.replace(day=1), locale)
        until = words["expired"] if has_expired else words["until"].format(month=month)
    name = localised.brand(method.brand or method.gateway)
    return {
        "method_id": method.method_id,
        "name": name,
        "until": until,
        "has_expired": has_expired,
        "is_good": not has_expired,
    }


def _give_label(gateway: str, words: Mapping[str, str]) -> str:
    if gateway in CARD_GATEWAYS:
        return words["give_card"]
    return words["give_wallet"].format(name=localised.brand(gateway))


def now() -> datetime:
    """Read the clock, once for each answer."""
    return datetime.now(UTC)
