"""Reads what was typed: amounts, payment methods, points in time, and requests checked whole before anything starts.

Every fault becomes one line that says what is wrong and what to do; card numbers are refused without being shown.
"""

import getpass
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from billing.customers import EMAIL, LOCALE, NAME
from billing.invoices import SERIES
from billing.methods import OPAQUE
from commands.errors import WrongUse
from ledger.accounts import CODE_PATTERN
from ledger.adjustment_requests import REASON_PATTERN, WORDS_PATTERN
from ledger.charges import ChargeRequest, ChargeStatus
from ledger.money import MAX_AMOUNT_MINOR, Money, MoneyError, minor_digits
from ledger.payment_methods import REFERENCE_PATTERN, PaymentMethod
from ledger.record import Identifier
from ledger.splits import SPLIT_ID

Request = TypeVar("Request", bound=BaseModel)
Value = TypeVar("Value")

OPTION_OF_FIELD = {
    "charge_id": "--id",
    "refund_id": "--id",
    "split_id": "--id",
    "legs": "--leg",
    "amount": "--amount",
    "amount_minor": "--amount",
    "customer": "--customer",
    "payment_methods": "--payment-method",
    "token": "--payment-method",
    "capture": "--capture",
    "at_expiry": "--at-expiry",
    "gateway": "--gateway",
    "invoice": "--invoice",
    "metadata": "--metadata",
    "reason": "--reason",
    "customer_country": "--customer-country",
    "confirm_by": "--confirm-by",
    "customer_present": "--customer-not-present",
    "gateway_customer": "--payment-method",
    "mandate": "--mandate",
    "as_": "--as",
    "because": "--because",
    "by": "--by",
    "brand": "--payment-method",
    "country": "--payment-method",
    "funding": "--payment-method",
    "card_brand": "--brand",
    "card_funding": "--funding",
    "from_unit": "FROM",
    "to_unit": "TO",
    "rate": "RATE",
    "source": "--source",
    "effective_from": "--effective-from",
    "adjustment_id": "--id",
    "requester": "--by",
    "reason_code": "--reason",
    "evidence": "--evidence",
    "valid_seconds": "--valid-for",
    "lines": "--entry",
}
FORMS = {
    r"^[A-Z]{2}$": "must be a country's two capital letters, such as DE",
    r"^(credit|debit|prepaid)$": "must be credit, debit or prepaid",
    SPLIT_ID: "may have only letters, digits and _ . - and at most 61 of them",
    r"^[a-z][a-z0-9_]{1,31}$": "must be a name in small letters, such as visa",
    REASON_PATTERN: "must be a code in small letters, such as write_off",
    WORDS_PATTERN: "must say something, in one line",
    REFERENCE_PATTERN: "must be a gateway's reference: at most 200 printable characters without spaces",
    CODE_PATTERN: "must be the code of an account, such as expense:bad_debt",
    EMAIL: "must be an e-mail address, such as ada@example.com",
    NAME: "must be one line of at most 200 characters",
    LOCALE: "must be a language, such as en or de-AT",
    OPAQUE: "must be printable, without blanks, at most 200 characters",
    SERIES: "must be capital letters and digits, at most 12 of them, such as INV",
}
"""What has to be written in another way than ids are, by its pattern."""
MISSING = "missing"
"""Pydantic's word for a field that was not given, which here means: it could not be read, and has its line already."""
_AGO = re.compile(r"(\d{1,6})([mhdw])")
_MORE = re.compile(r",(?=(?:brand|country|funding|gateway_customer|mandate)=)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def actor() -> str:
    """Name the person at the keyboard, for the books."""
    try:
        return f"person:{getpass.getuser()}"
    except (KeyError, OSError):
        return "person:unknown"


def charge_request(
    *,
    charge_id: str,
    amount: str,
    currency: str,
    customer: str,
    payment_methods: Sequence[str],
    gateways: Sequence[str],
    metadata: Sequence[str],
    gateway: str | None,
    confirm_by: str | None = None,
    customer_present: bool = True,
    mandate: str | None = None,
    **choices: str | None,
) -> ChargeRequest:
    """Read a whole charge; `gateways` are those that there are. Raises WrongUse with a line for each fault."""
    faults: list[str] = []
    read = {
        "amount": _kept(faults, lambda: money(amount, currency)),
        "payment_methods": _kept(faults, lambda: _methods(payment_methods, gateways, mandate)),
        "metadata": _kept(faults, lambda: pairs("--metadata", metadata)),
        "gateway": _kept(faults, lambda: known_gateway("--gateway", gateway, gateways)),
        "confirm_by": _kept(faults, lambda: deadline("--confirm-by", confirm_by)),
    }
    content: dict[str, object] = {"charge_id": charge_id, "customer": customer, "actor": actor(), **choices}
    content["customer_present"] = customer_present
    # What could not be read has its line already; it is left out, so that the faults of the rest are found as well.
    content |= {name: value for name, value in read.items() if value is not None}
    request = _kept(faults, lambda: checked(ChargeRequest, content))
    if faults or request is None:
        raise WrongUse(*faults)
    return request


def checked(
    kind: type[Request], content: Mapping[str, object], options: Mapping[str, str] = OPTION_OF_FIELD
) -> Request:
    """Make a message of the process, or raise WrongUse with a line for each fault; `options` names those of its fields."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        lines = [_fault_line(fault, options) for fault in faults if fault["type"] != MISSING]
        raise WrongUse(*lines) from None


def identifier(option: str, text: str) -> None:
    """Refuse what cannot be an id of ours."""
    try:
        TypeAdapter(Identifier).validate_python(text)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise WrongUse(f"{option}: {_fault_text(fault)}") from None


def money(text: str, currency: str) -> Money:
    """Read an amount in major units; raises WrongUse."""
    if "_" in text or not text.isascii():
        # Python reads 1_0 as ten, and digits of other scripts; nobody who typed that meant it.
        raise WrongUse(f"amount {text!r} is not a number: write it like 49.99")
    try:
        return Money.parse(text, currency)
    except MoneyError as error:
        raise WrongUse(str(error)) from None


def payment_method(text: str, gateways: Sequence[str]) -> PaymentMethod:
    """Read `gateway=token`, and what may follow: `,brand=visa,country=DE,funding=credit,gateway_customer=cus_1,mandate=m_1`."""
    method, *more = _MORE.split(text)
    gateway, token = key_and_value("--payment-method", method, example="stripe=pm_card_visa")
    content = {"gateway": known_gateway("--payment-method", gateway, gateways), "token": token}
    return checked(PaymentMethod, {**content, **pairs("--payment-method", more)})


def _methods(texts: Sequence[str], gateways: Sequence[str], mandate: str | None) -> list[PaymentMethod]:
    """Read the payment methods; a mandate that was given by itself is that of the only one."""
    methods = [payment_method(text, gateways) for text in texts]
    if mandate is None:
        return methods
    if len(methods) != 1 or methods[0].mandate is not None:
        raise WrongUse(
            "--mandate: give it once, for one payment method; of several, each with its own: stripe=pm_1,mandate=REF"
        )
    return [checked(PaymentMethod, methods[0].model_dump() | {"mandate": mandate})]


def known_gateway(option: str, gateway: str | None, gateways: Sequence[str]) -> str | None:
    """Return the gateway if it is one of ours."""
    if gateway is not None and gateway not in gateways:
        raise WrongUse(f"{option}: there is no gateway {gateway!r}: use {' or '.join(gateways)}")
    return gateway


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Read `key=value` as often as given; each key once."""
    read = [key_and_value(option, text) for text in texts]
    if len(dict(read)) != len(read):
        raise WrongUse(f"{option}: a key is given twice: give each key once")
    return dict(read)


def key_and_value(option: str, text: str, example: str = "order=4711") -> tuple[str, str]:
    """Read `key=value`."""
    key, separator, value = text.partition("=")
    if not separator or not key or not value:
        raise WrongUse(f"{option} {text!r} cannot be read: write it like {example}")
    return key, value


def charge_status(text: str | None) -> ChargeStatus | None:
    """Read a status to filter by."""
    if text is None:
        return None
    try:
        return ChargeStatus(text)
    except ValueError:
        raise WrongUse(f"--status: there is no status {text!r}: use one of {', '.join(ChargeStatus)}") from None


def currency_code(text: str | None) -> str | None:
    """Read a currency to filter by."""
    return unit_code("--currency", text)


def unit_code(option: str, text: str | None) -> str | None:
    """Read a currency or a unit to filter by."""
    return None if text is None else unit(option, text)


def unit(option: str, text: str) -> str:
    """Read a currency or a unit."""
    try:
        minor_digits(text.upper())
    except MoneyError as error:
        raise WrongUse(f"{option}: {error}") from None
    return text.upper()


def histories(text: str) -> int | None:
    """Read how many histories to replay; None leaves Temporal out."""
    if text == "none":
        return None
    if text == "all":
        return sys.maxsize
    if not (text.isascii() and text.isdigit()):
        raise WrongUse(f"--histories {text!r} cannot be read: write all, none or a number")
    return int(text)


def point_in_time(option: str, text: str | None, now: datetime | None = None) -> datetime | None:
    """Read `7d` (ago; m, h, d, w) or an ISO 8601 date or time, which is UTC where it does not say."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return (now or datetime.now(UTC)) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        read = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise WrongUse(
            f"{option} {text!r} is no point in time: write it like 7d, 2026-11-21 or 2026-11-21T08:00Z"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def duration(option: str, text: str) -> timedelta:
    """Read how long something lasts: `7d`; m, h, d, w."""
    read = _AGO.fullmatch(text.strip())
    if read is None:
        raise WrongUse(f"{option} {text!r} cannot be read: write it like 30m, 12h or 7d")
    return timedelta(**{_UNITS[read[2]]: int(read[1])})


def deadline(option: str, text: str | None, now: datetime | None = None) -> datetime | None:
    """Read `2h` (from now; m, h, d, w) or an ISO 8601 date or time, which must be still to come."""
    if text is None:
        return None
    now = now or datetime.now(UTC)
    read = point_in_time(option, text, now)
    if read is not None and _AGO.fullmatch(text.strip()):
        read = now + (now - read)
    if read is None or read <= now:
        raise WrongUse(f"{option} {text!r} is over: give a time that is still to come")
    return read


def _kept(faults: list[str], read: Callable[[], Value]) -> Value | None:
    """Read a part and return it, or keep the lines of its faults and return None."""
    try:
        return read()
    except WrongUse as error:
        faults += error.lines
        return None


def _fault_line(fault: ErrorDetails, options: Mapping[str, str]) -> str:
    location = [part for part in fault["loc"] if isinstance(part, str)]
    option = options.get(location[0], location[0]) if location else ""
    said = _fault_text(fault)
    return f"{option}: {said}" if option else said


def _fault_text(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "string_pattern_mismatch":
            pattern = str(fault.get("ctx", {}).get("pattern"))
            return FORMS.get(pattern, "may have only letters, digits and _ . - and at most 64 of them")
        case "greater_than" | "less_than_equal":
            return f"must be greater than zero and at most {MAX_AMOUNT_MINOR} minor units"
        case "too_short":
            return f"is needed at least {fault.get('ctx', {}).get('min_length')} times"
        case "too_long" | "string_too_long":
            limits = fault.get("ctx", {})
            unit = "items" if limits.get("field_type") in {"Tuple", "Dictionary"} else "characters"
            return f"may have at most {limits.get('max_length')} {unit}"
        case _:
            return fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
