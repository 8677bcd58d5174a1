"""What people do to accounts: who may be frozen, closed or given a limit, and what is kept of who did it and why."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import account_standing, journal, posting
from ledger.account_standing import AccountState, Standing
from ledger.errors import AccountChangeRefused, AccountNotInChart, AccountNotOpen, AccountShort, UnknownAccount
from tests.ledger.samples import capture, fact, usd
from tests.ledger.wallets import entry, filled, spent, wallet

ADA = wallet().code
SAID: dict[str, Any] = {"actor": "person:alice", "because": "as ada asked"}
Unchanged = Callable[[], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
async def books(connection: AsyncConnection) -> None:
    """Ada has 10.00, and a charge was captured and is owed back."""
    await journal.post(connection, [filled("in", 1000), capture(), posting.refund_reserved(fact(kind="refund"))])
    await connection.commit()


async def made(connection: AsyncConnection, state: AccountState, code: str = ADA, **said: Any) -> Standing:
    """Change an account's state, and commit."""
    standing = await account_standing.set_state(connection, code, "USD", state, **{**SAID, **said})
    await connection.commit()
    return standing


async def limited(connection: AsyncConnection, minor: int, code: str = ADA) -> Standing:
    """Give an account a limit of bill-back, and commit."""
    standing = await account_standing.set_bill_back(connection, code, "USD", minor, **SAID)
    await connection.commit()
    return standing


async def posted(engine: AsyncEngine, *entries: Any) -> None:
    """Post in a transaction of its own."""
    async with engine.begin() as connection:
        await journal.post(connection, list(entries))


async def test_an_account_shows_what_is_posted_pending_and_available(connection: AsyncConnection) -> None:
    """Whoever looks sees the guard, the owner and the version too."""
    [standing] = await account_standing.standings(connection, ADA)
    assert (standing.posted_minor, standing.pending_minor, standing.available_minor) == (1000, 0, 1000)
    assert (standing.state, standing.floor_minor, standing.owner, standing.version) == ("open", 0, "user", 1)
    [clearing] = await account_standing.standings(connection, "clearing:stripe", "USD")
    assert (clearing.floor_minor, clearing.owner) == (None, "gateway")
    with pytest.raises(UnknownAccount, match="no account wallet:user:nobody"):
        await account_standing.standings(connection, "wallet:user:nobody")


@pytest.mark.parametrize("moves", [filled("more", 1), spent("less", 1)], ids=["in", "out"])
async def test_a_frozen_account_takes_nothing_until_it_is_opened_again(
    connection: AsyncConnection, engine: AsyncEngine, unchanged: Unchanged, moves: Any
) -> None:
    """Neither in nor out, and whoever is refused reads which account is frozen."""
    assert (await made(connection, AccountState.FROZEN)).state is AccountState.FROZEN
    with unchanged(), pytest.raises(AccountNotOpen, match="account wallet:user:ada is frozen"):
        await posted(engine, moves)
    await made(connection, AccountState.OPEN)
    await posted(engine, moves)


async def test_an_account_is_closed_when_it_holds_nothing_and_for_good(
    connection: AsyncConnection, engine: AsyncEngine, unchanged: Unchanged
) -> None:
    """What is left in it must go somewhere first, and nobody opens it again."""
    with pytest.raises(AccountChangeRefused, match="it holds 1000, of which 0 are held"):
        await made(connection, AccountState.CLOSED)
    await connection.rollback()
    await posted(engine, spent("all", 1000))
    assert (await made(connection, AccountState.CLOSED)).state is AccountState.CLOSED
    with unchanged(), pytest.raises(AccountNotOpen, match="is closed"):
        await posted(engine, filled("late", 1))
    for state in (AccountState.OPEN, AccountState.FROZEN):
        with pytest.raises(AccountChangeRefused, match="closed for good"):
            await made(connection, state)
        await connection.rollback()
    assert (await made(connection, AccountState.CLOSED)).state is AccountState.CLOSED


@pytest.mark.parametrize("state", [AccountState.FROZEN, AccountState.CLOSED])
@pytest.mark.parametrize(
    "code", ["clearing:stripe", "revenue:sales", "liability:refunds_payable", "bank:main", "receivable:cus_1"]
)
async def test_an_account_on_which_facts_are_booked_is_never_shut(
    connection: AsyncConnection, engine: AsyncEngine, code: str, state: AccountState
) -> None:
    """What a gateway did must always come into the books, whatever anybody thinks of the account."""
    await posted(engine, posting.captured(fact("ch_9", invoice="in_1")))
    with pytest.raises(AccountChangeRefused, match="facts"):
        await made(connection, state, code)


async def test_a_limit_of_bill_back_is_how_far_an_account_may_fall(
    connection: AsyncConnection, engine: AsyncEngine, unchanged: Unchanged
) -> None:
    """To it and not a cent beyond; whoever is refused reads how much is missing."""
    assert (await limited(connection, 300)).floor_minor == -300
    with unchanged(), pytest.raises(AccountShort) as short:
        await posted(engine, spent("too_much", 1301))
    assert (short.value.account, short.value.missing) == (ADA, usd(1))
    await posted(engine, spent("to_the_limit", 1300))
    [standing] = await account_standing.standings(connection, ADA)
    assert standing.available_minor == -300
    await connection.rollback()
    with pytest.raises(AccountChangeRefused, match="it is at -300 already"):
        await limited(connection, 299)
    await connection.rollback()
    with pytest.raises(AccountChangeRefused, match="whose facts are always booked"):
        await limited(connection, 5, "liability:refunds_payable")
    await connection.rollback()
    with pytest.raises(AccountChangeRefused, match="not negative"):
        await limited(connection, -1)


async def test_an_account_below_its_limit_may_always_be_raised(
    connection: AsyncConnection, engine: AsyncEngine, superuser: Any, unchanged: Unchanged
) -> None:
    """Who pays a part of what they owe is not refused for not paying all of it; who takes more is."""
    await limited(connection, 300)
    await posted(engine, spent("to_the_limit", 1300))
    superuser.execute("UPDATE balances SET floor_minor = 0 WHERE floor_minor = -300")
    await posted(engine, filled("a_part", 100))
    with unchanged(), pytest.raises(AccountShort) as short:
        await posted(engine, spent("once_more", 1))
    assert short.value.missing == usd(201)
    # What an entry does to an account is counted at its end: this one raises it by 1 in all.
    lines = (*spent("x", 500).lines, *filled("x", 501).lines)
    await posted(engine, entry("out_and_in", *lines))


async def test_every_change_is_kept_with_who_made_it_and_why(connection: AsyncConnection) -> None:
    """An auditor reads the last first; what was said twice stands once, as it was first said."""
    await limited(connection, 50)
    await made(connection, AccountState.FROZEN, because="stolen")
    await made(connection, AccountState.FROZEN, because="stolen indeed", actor="person:bob")
    await made(connection, AccountState.OPEN, because="found", actor="person:bob")
    changes = await account_standing.changes(connection, ADA, "USD")
    assert [(each.state, each.floor_minor, each.actor, each.because) for each in changes] == [
        ("open", -50, "person:bob", "found"),
        ("frozen", -50, "person:alice", "stolen"),
        ("open", -50, "person:alice", "as ada asked"),
    ]


async def test_an_account_that_there_is_not_cannot_be_changed(connection: AsyncConnection) -> None:
    """A mistyped code is said plainly, and so is a currency in which nothing was ever posted."""
    with pytest.raises(UnknownAccount, match="wallet:user:nobody in USD"):
        await made(connection, AccountState.FROZEN, "wallet:user:nobody")
    await connection.rollback()
    with pytest.raises(UnknownAccount, match="wallet:user:ada in EUR"):
        await account_standing.set_bill_back(connection, ADA, "EUR", 5, **SAID)


async def test_the_chart_says_what_an_account_is_before_it_is_opened(connection: AsyncConnection) -> None:
    """Whoever moves money to a new account need not know its type."""
    assert await account_standing.charted(connection, "wallet:user:new") == wallet("new")
    with pytest.raises(AccountNotInChart, match="no account nowhere:at:all"):
        await account_standing.charted(connection, "nowhere:at:all")
