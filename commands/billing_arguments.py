"""Reads what was typed of customers, plans, subscriptions and invoices: persons, days, intervals, lines."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel

from billing import calendar
from billing.calendar import Unit
from billing.invoices import SERIES, Words
from billing.link_keys import LinkAddresses, LinkKeys
from billing.links import LONGEST_LIFE
from commands import arguments, connections, standing_arguments
from commands.errors import WrongUse
from ledger.money import Money
from ledger.record import Record

Word = TypeVar("Word", bound=StrEnum)
Request = TypeVar("Request", bound=BaseModel)
OPTIONS = {
    "customer_id": "--customer",
    "payment_id": "--id",
    "method_id": "METHOD_ID",
    "plan_id": "PLAN_ID",
    "subscription_id": "SUBSCRIPTION_ID",
    "invoice_id": "INVOICE_ID",
    "time_zone": "--time-zone",
    "trial_days": "--trial-days",
    "earns_to": "--earns-to",
    "interval": "--every",
    "gateway_customer": "--gateway-customer",
    "mandate_reference": "--mandate",
    "expires_on": "--expires",
    "lines": "--line",
    "invoices": "--invoice",
    "actor": "--by",
}
"""What a field was typed as, where that is not its name."""
_EVERY = re.compile(r"(?:(\d{1,3}) )?(day|week|month|year)s?")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_PAYMENT = re.compile(r"(charge|outside)/[A-Za-z0-9_.-]{1,64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Said(Record):
    """Why something is done, in one line."""

    because: Words


def actor(by: str | None) -> str:
    """Name who it is: the person given, or who is logged in."""
    return arguments.actor() if by is None else standing_arguments.person(by)


def because(text: str) -> str:
    """Read why, in one line; raises WrongUse."""
    return checked(Said, {"because": text}).because


def checked(kind: type[Request], content: Mapping[str, object], **names: str) -> Request:
    """Make a request, or raise WrongUse with a line for each fault; `names` where a field was typed as something else."""
    own = {field: f"--{field.replace('_', '-')}" for field in kind.model_fields}
    return arguments.checked(kind, content, own | OPTIONS | names)


def link_addresses() -> LinkAddresses:
    """Return where pay links lead; raises WrongUse where none can be signed."""
    settings = connections.load_settings()
    keys = settings.pay_link_keys
    if not keys:
        raise WrongUse("PAY_LINK_KEY is not set, so there are no pay links: make one with `openssl rand -hex 32`")
    return LinkAddresses(LinkKeys(keys), settings.pay_link_base_url)


def link_life(option: str, text: str) -> timedelta:
    """Read how long a link is good; raises WrongUse."""
    life = arguments.duration(option, text)
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise WrongUse(f"{option} {text} is no life of a link: give {LONGEST_LIFE.days}d or less")
    return life


def series(text: str) -> str:
    """Read whose next number it is; raises WrongUse."""
    if not re.fullmatch(SERIES, text):
        raise WrongUse(f"--series: {arguments.FORMS[SERIES]}")
    return text


def interval(text: str) -> dict[str, Any]:
    """Read how often: `month`, `3 months`; raises WrongUse."""
    read = _EVERY.fullmatch(text.strip())
    if read is None:
        raise WrongUse(f"--every {text!r} is no interval: write it like month or '3 months'")
    return {"unit": Unit(read[2]), "count": int(read[1] or 1)}


def day(option: str, text: str | None) -> date | None:
    """Read a date; raises WrongUse."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise WrongUse(f"{option} {text!r} is no date: write it like 2026-11-21") from None


def instant(option: str, text: str | None) -> datetime | None:
    """Read a date, which begins in UTC, or a time with its zone; raises WrongUse."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or not (read.tzinfo or _DATE.fullmatch(text)):
        raise WrongUse(f"{option} {text!r} is no moment: write it like 2026-11-21 or 2026-11-21T08:00Z")
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def last_day(option: str, text: str | None) -> date | None:
    """Read a month, and return its last day; raises WrongUse."""
    if text is None:
        return None
    read = _MONTH.fullmatch(text)
    if read is None or not 1 <= int(read[2]) <= 12 or int(read[1]) < 2000:
        raise WrongUse(f"{option} {text!r} is no month: write it like 2028-03")
    return calendar.last_day(int(read[1]), int(read[2]))


def invoice_line(text: str, currency: str) -> dict[str, Any]:
    """Read `19.00 revenue:consulting Two hours`; raises WrongUse."""
    amount, _, rest = text.strip().partition(" ")
    account, _, words = rest.strip().partition(" ")
    if not amount or not account or not words.strip():
        raise WrongUse(f"--line {text!r} cannot be read: write it like '19.00 revenue:consulting Two hours'")
    sign = -1 if amount.startswith("-") else 1
    minor = sign * arguments.money(amount.removeprefix("-"), currency).amount_minor
    return {"amount_minor": minor, "earns_to": account, "description": words.strip()}


def state(kind: type[Word], text: str | None) -> Word | None:
    """Read a state to filter by; raises WrongUse."""
    if text is None:
        return None
    try:
        return kind(text)
    except ValueError:
        raise WrongUse(f"--state: there is no state {text!r}: use one of {', '.join(kind)}") from None


def any_payment_id(text: str) -> str:
    """Read the id of a payment as it is listed; raises WrongUse."""
    if not _PAYMENT.fullmatch(text):
        raise WrongUse("PAYMENT_ID: write it as `invoices payments` lists it, such as outside/p1")
    return text


def payment_id(bank: str, reference: str) -> str:
    """Name a payment from outside by what the bank calls it, so that it is the same however often it is entered."""
    return hashlib.sha256(f"{bank}/{reference}".encode()).hexdigest()[:32]


def shown(amount_minor: int, currency: str) -> str:
    """Write an amount for people."""
    return str(Money(amount_minor=amount_minor, currency=currency))
