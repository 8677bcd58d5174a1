"""Looks through the tries of cards for what a network forbids. The guard of cards lets none through, so it finds none.

It shares no code with the guard: it counts in Python what PostgreSQL counted, reads the rules from their file and not from the
table, and takes "never" from the gateways' answers as well as from the card.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning.decline_classes import DECLINE_CLASSES, Answer, Scope
from billing.dunning.regions import is_in
from ledger.answers import CardFacts, GatewayAnswer
from ledger.record import Record

RULES = Path(__file__).parent / "dunning" / "network_ceilings.csv"
OWN_MINIMUM = "any"
MAX_VIOLATIONS = 1000

# A try with a token that no payment method had then could not be foreseen: which card it was, its answer told.
_TRIES = text("""
    SELECT t.operation_id, t.sequence, t.card, t.network, t.country, t.amount_minor, t.currency, t.tried_at, t.is_approved,
            t.at_network, t.is_technical, o.gateway, o.requested_at, o.decided_at, o.decline_code, o.advice, o.answer,
            c.never_at, c.never_because, coalesce(r.is_rung, false) AS is_rung,
            EXISTS (
                SELECT FROM payment_methods m
                    WHERE m.gateway = o.gateway AND m.token = o.payment_method AND m.added_at < o.requested_at
            ) AS is_foreseen
        FROM card_tries t
        JOIN cards c ON c.card = t.card
        LEFT JOIN operations o ON o.operation_id = t.operation_id
        LEFT JOIN invoice_tries r ON r.charge_id = t.charge_id
        WHERE t.card IN (SELECT n.card FROM card_tries n WHERE n.tried_at >= :since)
        ORDER BY t.card, t.sequence
""")


class AuditedTry(NamedTuple):
    """A try of a card, with what was known of the card before it was sent."""

    operation_id: str
    sequence: int
    card: str
    network: str | None
    country: str | None
    amount_minor: int
    currency: str
    tried_at: datetime
    is_approved: bool
    at_network: bool
    is_technical: bool
    is_rung: bool
    is_foreseen: bool
    """Whether the card was known by the token; one that was not is counted, and nobody is to blame for it."""
    requested_at: datetime | None
    """When it was written down to be sent, by the database's clock; None where it never was."""
    never_at: datetime | None
    """Since when the card's row says that it is never tried again, by the same clock."""
    says_never_at: datetime | None
    """When this try's own answer said so."""


class Violation(Record):
    """A try that should not have been made."""

    operation_id: str
    card: str
    tried_at: datetime
    rule: str


class _Rule(NamedTuple):
    network: str
    region: str
    only_refusals: bool
    same_amount: bool
    consecutive: bool
    window: timedelta
    most: int
    begins: date
    ends: date
    note: str

    def binds(self, tried: AuditedTry) -> bool:
        """Whether it holds for this try: a network's for all, our own minimum for the policy's tries."""
        is_of = tried.is_rung if self.network == OWN_MINIMUM else tried.network == self.network
        return is_of and is_in(tried.country, self.region) and self.begins <= tried.tried_at.date() < self.ends


async def violations(connection: AsyncConnection, since: datetime) -> Sequence[Violation]:
    """Return what was tried against a rule from a moment on, at most 1,000; nothing, unless the guard failed."""
    found: list[Violation] = []
    async with connection.stream(_TRIES, {"since": since}) as rows:
        card: list[AuditedTry] = []
        async for row in rows.mappings():
            tried = _audited(row)
            if card and card[0].card != tried.card:
                found += broken(card, since)
                card = []
            card.append(tried)
        found += broken(card, since)
    return found[:MAX_VIOLATIONS]


def broken(tries: Sequence[AuditedTry], since: datetime) -> Iterator[Violation]:
    """Look through the tries of cards, each card's in the order in which they were counted."""
    rules = _rules()
    for _, of_card in groupby(tries, attrgetter("card")):
        earlier: list[AuditedTry] = []
        for tried in of_card:
            if tried.tried_at >= since and tried.is_foreseen and tried.requested_at is not None:
                yield from (_violation(tried, fault) for fault in _faults(rules, earlier, tried))
            earlier.append(tried)


def _faults(rules: Sequence[_Rule], earlier: Sequence[AuditedTry], tried: AuditedTry) -> Iterator[str]:
    said = [tried.never_at, *(one.says_never_at for one in earlier)]
    if any(at is not None and tried.requested_at is not None and tried.requested_at > at for at in said):
        yield "the card was refused for ever before"
    if not tried.at_network:
        return
    for rule in rules:
        if rule.binds(tried) and _counted(rule, earlier, tried) >= rule.most:
            yield f"{rule.network}: more than {rule.note}"


def _counted(rule: _Rule, earlier: Sequence[AuditedTry], tried: AuditedTry) -> int:
    approvals = [(one.tried_at, one.sequence) for one in earlier if one.is_approved]
    begin = max(approvals, default=None) if rule.consecutive else None
    return sum(
        one.at_network
        and not one.is_approved
        and tried.tried_at - one.tried_at < rule.window
        and not (rule.only_refusals and one.is_technical)
        and not (rule.same_amount and (one.amount_minor, one.currency) != (tried.amount_minor, tried.currency))
        and (begin is None or (one.tried_at, one.sequence) > begin)
        for one in earlier
    )


def _violation(tried: AuditedTry, rule: str) -> Violation:
    return Violation(operation_id=tried.operation_id, card=tried.card, tried_at=tried.tried_at, rule=rule)


def _rules() -> list[_Rule]:
    with RULES.open(newline="", encoding="utf-8") as file:
        return [
            _Rule(
                network=line["network"],
                region=line["region"],
                only_refusals=line["counts"] == "refusals",
                same_amount=line["same_amount"] == "yes",
                consecutive=line["consecutive"] == "yes",
                window=timedelta(hours=int(line["window_hours"])),
                most=int(line["most"]),
                begins=date.fromisoformat(line["effective_from"]) if line["effective_from"] else date.min,
                ends=date.fromisoformat(line["effective_until"]) if line["effective_until"] else date.max,
                note=line["note"],
            )
            for line in csv.DictReader(file)
        ]


def _audited(row: Any) -> AuditedTry:
    read = {name: row[name] for name in AuditedTry._fields if name != "says_never_at"}
    return AuditedTry(**read, says_never_at=row["decided_at"] if _says_never(row) else None)


def _says_never(row: Any) -> bool:
    if row["decline_code"] is None:
        return False
    told = GatewayAnswer.model_validate(row["answer"] or {})
    said = Answer(
        code=row["decline_code"],
        advice=row["advice"],
        network_code=told.network_code,
        network_advice=told.network_advice,
    )
    card = told.card or CardFacts()
    found = DECLINE_CLASSES.classify(
        said,
        gateway=row["gateway"],
        network=told.network or card.brand or row["network"],
        country=card.country or row["country"],
        at=row["tried_at"],
    )
    return found.scope is Scope.CARD
