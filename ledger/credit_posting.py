"""Credits in the books: bought with what a charge collected, and spent, under the exchange's lock.

So no two use the same part of what was paid. Functions take a connection and never commit: the caller's transaction is the step.
"""

from datetime import datetime

from pydantic import AwareDatetime, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import captured_fees, charges, exchange, fees, journal, rates, reports
from ledger import credits as rules_of_credits
from ledger.accounts import credits_issued, deferred_revenue, wallet
from ledger.charges import Charge, ChargeStatus
from ledger.credits import Credits, Outstanding, Purchase, Spending
from ledger.entries import Entry, Line, Name, credit, debit
from ledger.errors import ReferenceConflict
from ledger.exchange_errors import ConversionRefused, FeeUnknown
from ledger.fee_rules import FeeRules, Settlement
from ledger.fees import Fees
from ledger.journal import PostedEntry
from ledger.record import Identifier, Record


class CollectedPurchase(Record):
    """The wish to give a customer credits for what a charge with an invoice has collected; a charge buys once."""

    charge_id: Identifier
    """Also the purchase's id."""
    credits: Credits
    event_at: AwareDatetime
    actor: Name

    @model_validator(mode="after")
    def _of_something(self) -> "CollectedPurchase":
        if self.credits.amount_minor <= 0:
            raise ValueError(f"{self.credits} cannot be bought: give a positive amount")
        return self

    @property
    def reference(self) -> str:
        """The reference of its entry."""
        return f"purchase:{self.charge_id}"


async def buy(
    connection: AsyncConnection, wish: CollectedPurchase, functional: str, rules: FeeRules | None = None
) -> PostedEntry:
    """Give the credits once: the same wish again returns its entry. With fee rules, the customer's part of the fee buys none.

    Raises UnknownCharge, ConversionRefused, FeeUnknown, NoRate, and ReferenceConflict where the charge bought others.
    """
    charge = await charges.known(connection, wish.charge_id, lock=True)
    held = await exchange.positions(connection, [charge.currency, wish.credits.currency], functional)
    present = await reports.entry_by_reference(connection, wish.reference)
    if present is not None:
        given = credit(wallet(charge.customer), wish.credits)
        return _again(present, given, wish.event_at)
    _require_collected(charge)
    found = await _fees(connection, charge, rules)
    purchase = Purchase(
        purchase_id=charge.charge_id,
        customer=charge.customer,
        credits=wish.credits,
        fees=found,
        event_at=wish.event_at,
        actor=wish.actor,
        invoiced=True,
        charge_id=charge.charge_id,
    )
    value = None
    if charge.currency != functional:
        value = await rates.at(connection, charge.currency, functional, wish.event_at)
    return await _posted(connection, rules_of_credits.bought(purchase, held, functional, value))


async def spend(connection: AsyncConnection, spending: Spending, functional: str) -> PostedEntry:
    """Spend credits once, and earn their part of what was paid: the same wish again returns its entry.

    Raises ConversionRefused, AccountShort, and ReferenceConflict where the id stands for another spending.
    """
    unit = spending.credits.currency
    await exchange.positions(connection, [unit], functional)
    present = await reports.entry_by_reference(connection, spending.reference)
    if present is not None:
        taken = debit(wallet(spending.customer), spending.credits)
        return _again(present, taken, spending.event_at)
    return await _posted(
        connection, rules_of_credits.spent(spending, await outstanding(connection, unit, functional), functional)
    )


async def outstanding(connection: AsyncConnection, unit: str, functional: str) -> Outstanding:
    """Read what is in wallets of a unit of credits and was paid for it; it stays so while the exchange's lock is held."""
    issued = await reports.balances_of(connection, credits_issued().code)
    deferred = await reports.balances_of(connection, deferred_revenue(unit).code)
    return Outstanding(issued_minor=issued.get(unit, 0), deferred_minor=deferred.get(functional, 0))


async def _posted(connection: AsyncConnection, entry: Entry) -> PostedEntry:
    return (await journal.post(connection, [entry]))[0]


def _again(present: reports.EntryRecord, line: Line, event_at: datetime) -> PostedEntry:
    """Return the entry that is there where it moved this line at that time; the rest came from what was outstanding then."""
    moved = (line.account.code, line.side, line.money.amount_minor, line.money.currency)
    has = [(each.account, each.side, each.amount_minor, each.currency) for each in present.lines]
    if present.event_at != event_at or moved not in has:
        raise ReferenceConflict(present.reference)
    return exchange.as_posted(present)


def _require_collected(charge: Charge) -> None:
    if charge.invoice is None:
        raise ConversionRefused(f"charge {charge.charge_id} pays no invoice, so it was earned at once: give it one")
    if charge.status is not ChargeStatus.CAPTURED or charge.refundable.amount_minor != charge.captured_minor:
        raise ConversionRefused(
            f"charge {charge.charge_id} is {charge.status}, with {charge.refundable} left of it: credits are for what was "
            "captured, in full and not given back"
        )


async def _fees(connection: AsyncConnection, charge: Charge, rules: FeeRules | None) -> Fees:
    """Say what of the gross is the price; without rules all of it, since the fee is the charge's own entry."""
    gross = charge.money(charge.captured_minor)
    if rules is None:
        nothing = charge.money(0)
        return Fees(gateway=charge.gateway or "", price=gross, gross=gross, fee=nothing, settled=Settlement.NET)
    captured = await captured_fees.of_charge(connection, charge.charge_id, charge.created_at)
    if captured is None:
        raise FeeUnknown(f"charge {charge.charge_id} has not one capture: what of it is a fee cannot be said")
    return fees.of_capture(*fees.rule_at(rules, captured.decided_at, captured.ask), captured.ask)
