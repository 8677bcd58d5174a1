"""Holds: what is held is not available, and a hold ends once: posted in full or in part, voided, or expired."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import account_standing, holds, journal
from ledger.account_standing import AccountState
from ledger.errors import AccountNotOpen, AccountShort, LedgerError, ReferenceConflict, UnbalancedEntry
from ledger.hold_errors import (
    HoldAccountNotOpen,
    HoldConflict,
    HoldError,
    HoldNotCovered,
    HoldNotDue,
    HoldNotPending,
    HoldRefused,
    UnknownHold,
)
from ledger.holds import Hold, HoldRequest, HoldState
from tests.ledger.samples import capture, usd
from tests.ledger.wallets import entry, filled, spent, wallet

ADA = wallet().code
LATER = datetime.now(UTC) + timedelta(hours=1)
OVER = datetime.now(UTC) - timedelta(seconds=1)
SAID: dict[str, Any] = {"actor": "person:alice", "because": "the seats are taken"}
Unchanged = Callable[[], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
async def books(connection: AsyncConnection) -> None:
    """Ada has 10.00."""
    await journal.post(connection, [filled("in", 1000), capture()])
    await connection.commit()


def asked(amount_minor: int = 600, hold_id: str = "h_1", **changes: Any) -> HoldRequest:
    """Ask for 6.00 of Ada's wallet to be held for an hour."""
    fields = {"hold_id": hold_id, "account": ADA, "amount": usd(amount_minor), "expires_at": LATER, **SAID}
    return HoldRequest.model_validate(fields | changes)


async def placed(engine: AsyncEngine, request: HoldRequest | None = None) -> Hold:
    """Place a hold in a transaction of its own."""
    async with engine.begin() as connection:
        return await holds.place(connection, request or asked())


async def ended(engine: AsyncEngine, how: str, hold_id: str = "h_1", **said: Any) -> Hold:
    """End a hold in a transaction of its own: a number posts so much."""
    async with engine.begin() as connection:
        match how:
            case "void":
                return await holds.void(connection, hold_id, **{**SAID, **said})
            case "expire":
                return await holds.expire(connection, hold_id, actor="workflow:hold")
            case _:
                taking = spent(f"{hold_id}:posted", int(how))
                return await holds.post(connection, hold_id, taking, **{**SAID, **said})


async def three(engine: AsyncEngine) -> tuple[int, int, int]:
    """What is posted, pending and available of Ada's wallet."""
    async with engine.connect() as connection:
        [standing] = await account_standing.standings(connection, ADA)
    return standing.posted_minor, standing.pending_minor, standing.available_minor


async def test_what_is_held_is_pending_and_not_available(engine: AsyncEngine, unchanged: Unchanged) -> None:
    """It cannot be spent, and is still in the wallet."""
    hold = await placed(engine)
    assert (hold.account, hold.amount, hold.state, hold.posted_minor) == (ADA, usd(600), HoldState.PENDING, 0)
    assert (hold.actor, hold.because, hold.expires_at) == ("person:alice", "the seats are taken", LATER)
    assert await three(engine) == (1000, 600, 400)
    with unchanged(), pytest.raises(AccountShort) as short:
        async with engine.begin() as connection:
            await journal.post(connection, [spent("elsewhere", 401)])
    assert (short.value.account, short.value.missing) == (ADA, usd(1))


@pytest.mark.parametrize(
    ("how", "state", "left"),
    [
        ("600", HoldState.POSTED, (400, 0, 400)),
        ("250", HoldState.POSTED, (750, 0, 750)),
        ("void", HoldState.VOIDED, (1000, 0, 1000)),
    ],
)
async def test_a_hold_ends_once(engine: AsyncEngine, how: str, state: HoldState, left: tuple[int, int, int]) -> None:
    """In full, in part or not at all; said again it is the same, and said otherwise it is refused."""
    await placed(engine)
    hold = await ended(engine, how)
    assert (hold.state, hold.ended_by, hold.ended_because) == (state, "person:alice", "the seats are taken")
    assert (hold.posted_minor, hold.entry_reference) == ((int(how), "h_1:posted") if how.isdigit() else (0, None))
    assert await three(engine) == left
    assert await ended(engine, how, actor="person:bob") == hold
    for other in {"600", "void", "expire"} - {how}:
        with pytest.raises(HoldNotPending if other != "600" or how != "250" else ReferenceConflict):
            await ended(engine, other)
    assert await three(engine) == left


async def test_a_hold_expires_when_its_time_is_over_and_not_before(engine: AsyncEngine) -> None:
    """By the clock of the database; from that moment on nobody can post it any more."""
    await placed(engine)
    with pytest.raises(HoldNotDue, match="h_1 has not expired yet"):
        await ended(engine, "expire")
    await placed(engine, asked(100, "h_2", expires_at=OVER))
    with pytest.raises(HoldNotPending, match="expired already"):
        await ended(engine, "100", "h_2")
    hold = await ended(engine, "expire", "h_2")
    assert (hold.state, hold.ended_by, hold.ended_because) == (HoldState.EXPIRED, "workflow:hold", holds.TIME_IS_OVER)
    assert await ended(engine, "expire", "h_2") == hold
    assert await three(engine) == (1000, 600, 400)


async def test_the_same_id_is_the_same_hold(engine: AsyncEngine, unchanged: Unchanged) -> None:
    """Asked twice it is placed once, and with other content it is refused."""
    first = await placed(engine)
    assert await placed(engine, asked(actor="person:bob", because="again")) == first
    assert await three(engine) == (1000, 600, 400)
    await journal_of(engine, filled("other", 1, "bob"))
    for other in ({"amount": usd(599)}, {"account": wallet("bob").code}, {"expires_at": LATER + timedelta(1)}):
        with unchanged(), pytest.raises(HoldConflict, match="hold h_1 exists with other content"):
            await placed(engine, asked(**other))
    await ended(engine, "void")
    assert (await placed(engine)).state is HoldState.VOIDED


async def journal_of(engine: AsyncEngine, *entries: Any) -> None:
    """Post in a transaction of its own."""
    async with engine.begin() as connection:
        await journal.post(connection, list(entries))


async def test_no_more_is_held_than_is_available(engine: AsyncEngine, unchanged: Unchanged) -> None:
    """Of what others hold already nothing is promised twice; the refusal names the account and what is missing."""
    await placed(engine)
    with unchanged(), pytest.raises(HoldNotCovered) as short:
        await placed(engine, asked(401, "h_2"))
    assert (short.value.account, short.value.missing) == (ADA, usd(1))
    await placed(engine, asked(400, "h_2"))
    assert await three(engine) == (1000, 1000, 0)


@pytest.mark.parametrize("code", ["clearing:stripe", "revenue:sales"])
async def test_nothing_is_held_where_nothing_would_keep_it(engine: AsyncEngine, code: str) -> None:
    """An account without a guard may be emptied under a hold; and facts shall find what the house has."""
    with pytest.raises(HoldRefused, match=f"account {code} takes none"):
        await placed(engine, asked(account=code))


async def test_a_frozen_account_takes_no_hold_and_posts_none(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """What is held stays held, and may be let go."""
    await placed(engine)
    await account_standing.set_state(connection, ADA, "USD", AccountState.FROZEN, **SAID)
    await connection.commit()
    with pytest.raises(HoldAccountNotOpen, match="account wallet:user:ada is frozen"):
        await placed(engine, asked(1, "h_2"))
    with pytest.raises(AccountNotOpen, match="is frozen"):
        await ended(engine, "600")
    assert await three(engine) == (1000, 600, 400)
    await ended(engine, "void")
    assert await three(engine) == (1000, 0, 1000)


async def refused(engine: AsyncEngine, kind: type[LedgerError], match: str, taking: Any) -> None:
    """Posting the hold with this entry is refused, and changes nothing."""
    with pytest.raises(kind, match=match):
        async with engine.begin() as connection:
            await holds.post(connection, "h_1", taking, **SAID)
    assert await three(engine) == (1000, 600, 400)


async def test_a_hold_is_posted_with_an_entry_of_its_account_within_its_amount(
    engine: AsyncEngine, unchanged: Unchanged
) -> None:
    """Not more than was promised, not from elsewhere, and not with what was posted otherwise."""
    await placed(engine)
    await journal_of(engine, filled("bobs", 900, "bob"), spent("before", 1, "bob"))
    with unchanged():
        await refused(engine, HoldRefused, "the hold is of 600, and the entry takes 601", spent("x", 601))
        await refused(engine, HoldRefused, "the entry takes 0", spent("x", 100, "bob"))
        await refused(engine, HoldRefused, "the entry takes -5", filled("x", 5))
        await refused(engine, HoldRefused, "entry before is posted already", spent("before", 1, "bob"))
    unbalanced = spent("x", 5).model_copy(update={"lines": (spent("x", 5).lines[0], spent("x", 6).lines[1])})
    await refused(engine, UnbalancedEntry, "its debits are not its credits", unbalanced)
    other = spent("x", 5, "bob").lines[0]
    both = entry("x", *spent("x", 600).lines, other.model_copy(update={"money": usd(2000)}), filled("x", 2000).lines[1])
    await refused(engine, AccountShort, "account wallet:user:bob is short of 11.01 USD", both)


async def test_a_hold_that_there_is_not_is_said_plainly(engine: AsyncEngine) -> None:
    """A mistyped id ends no other hold."""
    for how in ("5", "void", "expire"):
        with pytest.raises(UnknownHold, match="there is no hold h_9"):
            await ended(engine, how, "h_9")
    with pytest.raises(HoldRefused, match="there is no account wallet:user:nobody"):
        await placed(engine, asked(account="wallet:user:nobody"))


@pytest.mark.parametrize(
    "wrong", [{"amount": usd(0)}, {"hold_id": "a b"}, {"account": "wallet"}, {"because": ""}, {"because": "4242" * 4}]
)
def test_a_hold_that_makes_no_sense_is_not_asked_for(wrong: dict[str, Any]) -> None:
    """Nothing, no account, no reason: each is refused before the books are asked."""
    with pytest.raises(ValidationError):
        asked(**wrong)


async def test_holds_are_listed_by_account_and_state(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """The last one placed comes first."""
    for number in range(3):
        await placed(engine, asked(100, f"h_{number}"))
    await ended(engine, "void", "h_1")
    listed = await holds.listed(connection, account=ADA)
    assert [hold.hold_id for hold in listed] == ["h_2", "h_1", "h_0"]
    assert [hold.hold_id for hold in await holds.listed(connection, state=HoldState.PENDING)] == ["h_2", "h_0"]
    assert [hold.hold_id for hold in await holds.listed(connection, limit=1)] == ["h_2"]
    assert await holds.listed(connection, account="wallet:user:bob") == []
    assert await holds.get(connection, "h_9") is None


def test_refusals_of_holds_are_one_line_that_says_what_to_do() -> None:
    """People read these at a prompt, and in a workflow's failure; whoever holds may catch them together."""
    for error, words in (
        (HoldConflict("h_1"), "hold h_1 exists with other content: use another id"),
        (HoldNotPending("h_1", "posted"), "hold h_1 is posted already: a hold ends once, place another"),
        (HoldNotCovered("h_1", ADA, usd(5)), "hold h_1 is refused: account wallet:user:ada is short of 0.05 USD"),
        (HoldNotDue("h_1"), "hold h_1 has not expired yet: void it, or wait"),
        (UnknownHold("h_1"), "there is no hold h_1: check the id with `holds list`"),
    ):
        assert str(error).startswith(words)
        assert isinstance(error, HoldError)
