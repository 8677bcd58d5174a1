"""Adjustments that tests start from, who holds the role, and what somebody with all rights could do to the rows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg

from ledger.accounts import Account, AccountType, Side, receivable
from ledger.adjustment_requests import AdjustmentRequest, hash_of
from ledger.entries import Line, credit, debit
from ledger.money import Money
from tests.ledger.samples import HAPPENED

ACCOUNTANT = "accountant"
DAY_SECONDS = 86_400
THRESHOLD_MINOR = 100_000
REQUEST = "SELECT public.request_adjustment(%s, %s, %s, %s, %s, %s, %s, %s)"
DECIDE = "SELECT public.decide_adjustment(%s, %s, %s, %s, %s)"
POST = "SELECT entry_id, is_new FROM public.post_adjustment(%s)"
EXPIRE = "SELECT public.expire_adjustment(%s)"
BAD_DEBT = Account(code="expense:bad_debt", type=AccountType.EXPENSE, normal_side=Side.DEBIT)
BANK = Account(code="bank:main", type=AccountType.ASSET, normal_side=Side.DEBIT)


def two_lines(amount_minor: int = 5000, currency: str = "USD") -> tuple[Line, ...]:
    """Write an amount off that a customer owes."""
    money = Money(amount_minor=amount_minor, currency=currency)
    return debit(BAD_DEBT, money), credit(receivable("cus_1"), money)


def asked(adjustment_id: str = "adj_1", *, amount_minor: int = 5000, **changes: Any) -> AdjustmentRequest:
    """Alice asks to write a debt off; 50.00 USD need one approval where there is a threshold of 1,000.00."""
    fields: dict[str, Any] = {
        "adjustment_id": adjustment_id,
        "requester": "alice",
        "reason_code": "write_off",
        "because": "the customer is bankrupt",
        "evidence": "ticket FIN-512",
        "event_at": HAPPENED,
        "lines": two_lines(amount_minor),
        "valid_seconds": DAY_SECONDS,
    }
    return AdjustmentRequest.model_validate(fields | changes)


def hold_role(superuser: psycopg.Connection, *persons: str) -> None:
    """Let these persons be accountants from now on."""
    for person in persons:
        superuser.execute(
            "INSERT INTO people_roles (person, role) SELECT %s, %s WHERE NOT EXISTS ("
            "SELECT FROM people_roles WHERE person = %s AND role = %s AND until_at IS NULL) ON CONFLICT DO NOTHING",
            [person, ACCOUNTANT, person, ACCOUNTANT],
        )


def lose_role(superuser: psycopg.Connection, *persons: str) -> None:
    """Let these persons be accountants no more."""
    superuser.execute(
        "UPDATE people_roles SET until_at = clock_timestamp() WHERE person = ANY (%s) AND until_at IS NULL",
        [list(persons)],
    )


def set_tier(superuser: psycopg.Connection, currency: str = "USD", amount_minor: int | None = THRESHOLD_MINOR) -> None:
    """Let one approval be enough up to an amount."""
    superuser.execute(
        "INSERT INTO adjustment_tiers (currency, one_approval_up_to_minor) VALUES (%s, %s)", [currency, amount_minor]
    )


def entry_with(request: AdjustmentRequest, **changes: Any) -> str:
    """The canonical entry of a request with something else in it."""
    content = json.loads(request.canonical_entry()) | changes
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def ask(
    connection: psycopg.Connection, request: AdjustmentRequest, entry: str | None = None, entry_hash: str | None = None
) -> bool:
    """Call the function as no code of ours would: with any entry and any hash."""
    entry = request.canonical_entry() if entry is None else entry
    values = [request.adjustment_id, request.requester, request.reason_code, request.because, request.evidence]
    digest = bytes.fromhex(entry_hash or hash_of(entry))
    [(is_new,)] = connection.execute(REQUEST, [*values, entry, digest, request.valid_seconds]).fetchall()
    connection.commit()
    return bool(is_new)


def say(
    connection: psycopg.Connection,
    request: AdjustmentRequest,
    person: str,
    verdict: str = "approve",
    entry_hash: str | None = None,
) -> str:
    """Decide, and return the state that follows."""
    digest = bytes.fromhex(entry_hash or request.entry_hash())
    [(state,)] = connection.execute(DECIDE, [request.adjustment_id, person, verdict, "looked at it", digest]).fetchall()
    connection.commit()
    return str(state)


@contextmanager
def without_guard(superuser: psycopg.Connection, table: str, trigger: str) -> Iterator[None]:
    """A superuser turns a guard off, does something, and turns it on again."""
    superuser.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER {trigger}".encode())
    yield
    superuser.execute(f"ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {trigger}".encode())


def pass_time(superuser: psycopg.Connection, adjustment_id: str, passed: timedelta) -> None:
    """Let a request be older than it is."""
    with without_guard(superuser, "adjustments", "adjustment_follows_its_decisions"):
        superuser.execute(
            "UPDATE adjustments SET requested_at = requested_at - %s, expires_at = expires_at - %s"
            " WHERE adjustment_id = %s",
            [passed, passed, adjustment_id],
        )
