"""Money, days and brands as the reader's language has them, by the Unicode CLDR (Babel).

The digits of an amount are the ledger's: the CLDR rounds some currencies (ISO gives the Afghani two digits, the CLDR none),
and a notice names the amount that is owed.
"""

import re
from collections.abc import Callable, Mapping
from copy import copy
from datetime import date, datetime
from typing import Any, Final, TypeVar

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from jinja2 import TemplateRuntimeError, pass_context
from jinja2.runtime import Context

from billing.dunning.zones import zone_info
from ledger.money import Money, minor_digits

Given = TypeVar("Given")
LANGUAGE: Final = "en"
"""Where there is nothing else."""
FOLDER: Final = "[a-z]{2,3}(-[A-Z]{2})?"
BRANDS: Final = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
    "maestro": "Maestro",
    "paypal": "PayPal",
}


def candidates(locale: str) -> list[str]:
    """Return the folders in which a reader's texts may be, the best one first: `de-AT`, `de`, `en`."""
    language = locale.partition("-")[0]
    return list(dict.fromkeys((locale, language, LANGUAGE)))


def is_language(folder: str) -> bool:
    """Whether a folder is named as customers' locales are: `de`, `de-AT`."""
    try:
        Locale.parse(folder, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return re.fullmatch(FOLDER, folder) is not None


def locale_of(locale: str, language: str) -> Locale:
    """Return by which locale a text of this language is written for a reader: amounts and days never in a third language."""
    wanted = locale if locale.partition("-")[0] == language.partition("-")[0] else language
    for tag in (wanted, language):
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(LANGUAGE)


def money(amount: Money, locale: Locale) -> str:
    """Write an amount with its currency, in the digits that the ledger has of it."""
    pattern = copy(locale.currency_formats["standard"])
    digits = minor_digits(amount.currency)
    pattern.frac_prec = (digits, digits)
    written: str = pattern.apply(amount.decimal(), locale, currency=amount.currency, currency_digits=False)
    return written


def day(moment: datetime, zone: str, locale: Locale) -> str:
    """Write the day that it is where the reader lives."""
    return format_date(moment.astimezone(zone_info(zone)).date(), "long", locale=locale)


def month(first: date, locale: Locale) -> str:
    """Write a month with its year."""
    return format_skeleton("yMMMM", first, locale=locale)


def brand(name: str) -> str:
    """Write a network as it calls itself."""
    return BRANDS.get(name, name.replace("_", " ").title())


@pass_context
def _money(context: Context, amount: object) -> str:
    return money(_given(amount, Money, "an amount"), context["babel_locale"])


@pass_context
def _day(context: Context, moment: object) -> str:
    return day(_given(moment, datetime, "a moment"), context["reader"].zone, context["babel_locale"])


@pass_context
def _month(context: Context, first: object) -> str:
    return month(_given(first, date, "a month"), context["babel_locale"])


def _brand(name: object) -> str:
    return brand(_given(name, str, "a brand"))


def _given(value: object, kind: type[Given], noun: str) -> Given:
    if not isinstance(value, kind):
        raise TemplateRuntimeError(f"{noun} is not known here")
    return value


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {"money": _money, "day": _day, "month": _month, "brand": _brand}
"""What templates may use beside Jinja's own."""
