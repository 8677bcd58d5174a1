"""Splits in the books: what can be asked for at all, once for each id, and what the application may change of it."""

import asyncio
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import charges, split_legs, splits
from ledger.charges import ChargeStatus
from ledger.errors import ChargeConflict, SplitConflict, UnknownSplit
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.splits import SplitLeg, SplitStatus
from tests.activities.split_rows import request, usd
from tests.conftest import Database

CARD = PaymentMethod(gateway="stripe", token="pm_card_visa")
YEN = SplitLeg(amount=Money(amount_minor=100, currency="JPY"), payment_methods=(CARD,))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"amount": usd(101)}, "the legs sum to 1.00 USD, and the whole is 1.01 USD"),
        ({"legs": (YEN, YEN), "amount": usd(200)}, "every leg must be in USD"),
        ({"legs": request(60, 40).legs[:1], "amount": usd(60)}, "at least 2 items"),
        ({"legs": request(60, 40).legs * 6, "amount": usd(600)}, "at most 10 items"),
        ({"split_id": "x" * 62}, "should match pattern"),
        ({"split_id": "a/b"}, "should match pattern"),
        ({"split_id": "4242424242424242"}, "looks like a card number"),
    ],
)
def test_a_split_that_is_not_whole_cannot_be_asked_for(changes: dict[str, Any], fault: str) -> None:
    """The amounts are positive, of one currency, and sum to the whole; every leg has room for its name."""
    with pytest.raises(ValidationError, match=fault):
        request(60, 40, **changes)


@pytest.mark.parametrize(
    ("amount", "methods", "fault"),
    [(0, (CARD,), "greater than zero"), (-5, (CARD,), "greater than zero"), (5, (CARD, CARD), "at most one payment")],
)
def test_a_leg_that_cannot_be_collected_cannot_be_asked_for(amount: int, methods: Any, fault: str) -> None:
    """What a charge would refuse is refused before the legs before it have reserved anything."""
    with pytest.raises(ValidationError, match=fault):
        SplitLeg(amount=usd(amount), payment_methods=methods)


def test_the_charges_of_the_longest_split_can_be_named() -> None:
    """Ten legs, an id of 61 characters, as much metadata as a charge may have: each is a charge that can be made."""
    metadata = {f"key{number}": "value" for number in range(20)}
    asked = request(*range(1, 11), split_id="x" * 61, metadata=metadata, invoice="in_1")
    assert [len(charge.charge_id) for charge in asked.charges] == [63] * 9 + [64]
    assert sum(charge.amount.amount_minor for charge in asked.charges) == asked.amount.amount_minor


async def test_a_worker_that_stands_still_with_a_new_split_keeps_it_from_nobody(connection: AsyncConnection) -> None:
    """PostgreSQL ends its transaction after a while, as every one with which nobody goes on, so that another can write it."""
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '200ms'"))
    await splits.open_split(connection, request(60, 40))
    await asyncio.sleep(1)
    with pytest.raises(DBAPIError, match="idle-in-transaction timeout"):
        await connection.execute(text("SELECT 1"))
    await connection.invalidate()


async def test_an_id_stands_for_one_content(connection: AsyncConnection) -> None:
    """Asked again it is the same split, whoever asks; with another customer it is refused."""
    asked = request(60, 40)
    first = await splits.open_split(connection, asked)
    assert await splits.open_split(connection, asked.model_copy(update={"actor": "person:other"})) == first
    assert first.request == asked
    with pytest.raises(SplitConflict, match="split sp_1 exists with other content"):
        await splits.open_split(connection, request(60, 40, customer="cus_2"))
    with pytest.raises(UnknownSplit, match="there is no split sp_2"):
        await splits.known(connection, "sp_2")


async def test_a_leg_shows_its_own_charge_and_no_other(connection: AsyncConnection) -> None:
    """A charge of that name with other content is a refusal; the right one is the leg, and cannot be refused any more."""
    asked = request(60, 40)
    split = await splits.open_split(connection, asked)
    await split_legs.begin(connection, "sp_1", 1)
    await charges.open_charge(connection, asked.leg(1), "stripe", "the only one")
    other = asked.leg(2).model_copy(update={"amount": usd(41)})
    await charges.open_charge(connection, other, "stripe", "the only one")
    await split_legs.refuse(connection, "sp_1", 1, "it was not made")
    ours, foreign = await split_legs.of_split(connection, "sp_1", split.request.charges)
    assert (ours.status, ours.refusal, ours.started_at is not None) == (ChargeStatus.PROCESSING, None, True)
    assert (foreign.status, foreign.refusal) == (None, str(ChargeConflict("sp_1.2")))


async def test_a_split_whose_leg_is_another_charge_already_is_not_opened(connection: AsyncConnection) -> None:
    """It is refused before anything is asked of a gateway."""
    await charges.open_charge(connection, request(1, 2).leg(2), "stripe", "the only one")
    with pytest.raises(ChargeConflict, match=r"charge sp_1\.2 exists"):
        await splits.open_split(connection, request(60, 40))


async def test_what_was_asked_for_cannot_be_changed(connection: AsyncConnection, database: Database) -> None:
    """The application writes where a split stands, and neither what was asked nor which charge is which leg."""
    await splits.open_split(connection, request(60, 40))
    await splits.change(connection, "sp_1", {"status": SplitStatus.UNDOING, "because": "leg 2 is declined"})
    await connection.commit()
    forbidden = (
        b"UPDATE splits SET amount_minor = 1",
        b"UPDATE splits SET request = '{}'",
        b"UPDATE split_legs SET charge_id = 'sp_1.3'",
        b"DELETE FROM split_legs",
        b"DELETE FROM splits",
    )
    with psycopg.connect(database.app_url) as application:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)
            application.rollback()
