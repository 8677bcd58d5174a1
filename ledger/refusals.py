"""Reads what the posting functions refuse: each rule of the database has its error here.

A refusal comes as SQLSTATE QT409 or QT422, with the rule as the constraint, the entry's reference as the detail, and what
is wrong as the hint: a sentence, or JSON where the error is built from values. The tables' own checks give neither.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg

from ledger.errors import (
    AccountConditionFailed,
    AccountConflict,
    AccountNotInChart,
    AccountNotOpen,
    AccountShort,
    AccountVersionChanged,
    InvalidEntry,
    LedgerError,
    NoPeriod,
    PeriodNotOpen,
    ReferenceConflict,
    UnbalancedEntry,
)
from ledger.money import Money
from ledger.reversal_errors import ReversalExceeds

UNIQUE = "23505"
CHECK = "23514"
OUT_OF_RANGE = "22003"
REFUSED = {"QT409", "QT422", UNIQUE, CHECK, OUT_OF_RANGE}


def of_exception(error: object) -> LedgerError | None:
    """Read an error of the driver; None where it is some other trouble of the database."""
    if not isinstance(error, psycopg.Error):
        return None
    diagnosis = error.diag
    return of_parts(
        error.sqlstate,
        diagnosis.constraint_name,
        diagnosis.message_primary,
        diagnosis.message_detail,
        diagnosis.message_hint,
    )


class Rule(NamedTuple):
    """A rule of the database that something was against, and what it says of it."""

    name: str
    message: str
    hint: str


def rule_of(error: object) -> Rule | None:
    """Read which rule was broken; None where it is some other trouble of the database."""
    if not isinstance(error, psycopg.Error) or error.sqlstate not in REFUSED:
        return None
    diagnosis = error.diag
    return Rule(diagnosis.constraint_name or "", diagnosis.message_primary or "", diagnosis.message_hint or "")


def of_parts(
    state: str | None, rule: str | None, message: str | None, detail: str | None, hint: str | None
) -> LedgerError | None:
    """Read a refusal from its parts, as PostgreSQL names them."""
    if state not in REFUSED:
        return None
    if state == OUT_OF_RANGE:
        return InvalidEntry("of this posting", "an account would hold more than it can count")
    reference = "of this posting" if state in {UNIQUE, CHECK} else detail or ""
    return _BY_RULE.get(rule or "", InvalidEntry)(reference, hint or message or "")


def _conflict(reference: str, _fault: str) -> LedgerError:
    return ReferenceConflict(reference)


def _short(reference: str, fault: str) -> LedgerError:
    found = json.loads(fault)
    return AccountShort(reference, found["account"], _money(found, "missing_minor"))


def _version(reference: str, fault: str) -> LedgerError:
    found = json.loads(fault)
    return AccountVersionChanged(reference, found["account"], expected=found["version"], found=found["found_version"])


def _condition(reference: str, fault: str) -> LedgerError:
    found = json.loads(fault)
    return AccountConditionFailed(reference, found["account"], _money(found, "found_minor"))


def _exceeds(reference: str, fault: str) -> LedgerError:
    found = json.loads(fault)
    asked, left = _money(found, "asked_minor"), _money(found, "left_minor")
    return ReversalExceeds(reference, found["reverses"], found["account"], asked=asked, left=left)


def _money(found: dict[str, Any], name: str) -> Money:
    return Money(amount_minor=found[name], currency=found["currency"])


_BY_RULE: dict[str, Callable[[str, str], LedgerError]] = {
    "entry_reference_is_unique": _conflict,
    "entry_balances": UnbalancedEntry,
    "account_is_fixed": AccountConflict,
    "account_is_known": AccountNotInChart,
    "account_is_open": AccountNotOpen,
    "account_is_covered": _short,
    "account_version": _version,
    "account_condition": _condition,
    "period_is_open": PeriodNotOpen,
    "event_has_a_period": NoPeriod,
    "reversal_is_of_what_is_left": _exceeds,
}
