"""Reads what was typed of accounts and holds: persons, reasons, limits."""

import re

from pydantic import TypeAdapter, ValidationError

from commands import arguments
from commands.errors import WrongUse
from ledger.accounts import CODE_PATTERN
from ledger.holds import HoldState
from ledger.money import Money
from settings import PERSON
from workflows.hold_messages import Because

NOTHING = re.compile(r"0+(\.0+)?")


def person(by: str) -> str:
    """Read who it is, as the books name them; raises WrongUse."""
    if not re.fullmatch(PERSON, by):
        raise WrongUse("--by: must be letters, digits and _ . - and at most 64 of them, such as alice")
    return f"person:{by}"


def reason(because: str) -> str:
    """Read why; raises WrongUse."""
    try:
        return TypeAdapter(Because).validate_python(because)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        said = (
            fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "value_error"
            else "must be 1 to 500 characters"
        )
        raise WrongUse(f"--because: {said}") from None


def account_code(option: str, code: str) -> str:
    """Read the code of an account; raises WrongUse."""
    if not re.fullmatch(CODE_PATTERN, code):
        raise WrongUse(f"{option}: {code!r} is no code of an account: write it like wallet:user:ada")
    return code


def currency(text: str) -> str:
    """Read a currency that must be given; raises WrongUse."""
    return arguments.currency_code(text) or text


def limit_minor(text: str, unit: str) -> int:
    """Read how far below zero an account may fall, in minor units; raises WrongUse."""
    return 0 if NOTHING.fullmatch(text) else arguments.money(text, unit).amount_minor


def hold_state(text: str | None) -> HoldState | None:
    """Read a state to filter by; raises WrongUse."""
    if text is None:
        return None
    try:
        return HoldState(text)
    except ValueError:
        raise WrongUse(f"--state: there is no state {text!r}: use one of {', '.join(HoldState)}") from None


def shown(amount_minor: int, unit: str) -> str:
    """Write an amount for people."""
    return str(Money(amount_minor=amount_minor, currency=unit))
