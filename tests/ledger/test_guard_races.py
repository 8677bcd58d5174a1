"""Guards under races on a real database: of all who want the same money only as many win as there is money for."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import account_standing, holds, journal, reports
from ledger.account_standing import AccountState, Standing
from ledger.entries import Entry
from ledger.errors import AccountChangeRefused, AccountNotOpen, AccountShort
from ledger.hold_errors import HoldAccountNotOpen, HoldConflict, HoldNotCovered, HoldNotDue, HoldNotPending
from ledger.holds import HoldRequest
from tests.ledger.samples import usd
from tests.ledger.wallets import entry, filled, spent, wallet

ADA = wallet().code
SPENDERS = 50
ROUNDS = 12
SAID: dict[str, Any] = {"actor": "person:alice", "because": "a race"}
Deed = Callable[[AsyncConnection], Awaitable[object]]


@pytest.fixture(autouse=True)
async def books(connection: AsyncConnection) -> None:
    """Ada has 10.00."""
    await journal.post(connection, [filled("in", 1000), filled("bobs", 1000, "bob")])
    await connection.commit()


async def race(engine: AsyncEngine, deeds: Sequence[Deed]) -> list[object]:
    """Let each do its deed in a transaction of its own, as nearly at once as can be; what is refused is returned."""
    start = asyncio.Event()

    async def one(deed: Deed) -> object:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
            await start.wait()
            return await deed(connection)

    racing = [asyncio.create_task(one(deed)) for deed in deeds]
    await asyncio.sleep(0.05)
    start.set()
    return await asyncio.gather(*racing, return_exceptions=True)


def posts(*entries: Entry) -> Deed:
    """Post entries."""
    return lambda connection: journal.post(connection, entries)


def holds_(hold_id: str, amount_minor: int, expires_at: datetime | None = None, code: str = ADA) -> Deed:
    """Place a hold."""
    later = expires_at or datetime.now(UTC) + timedelta(hours=1)
    fields = {"hold_id": hold_id, "account": code, "amount": usd(amount_minor), "expires_at": later, **SAID}
    request = HoldRequest.model_validate(fields)
    return lambda connection: holds.place(connection, request)


def takes(hold_id: str, amount_minor: int, after_seconds: float = 0.0) -> Deed:
    """Post a hold."""

    async def take(connection: AsyncConnection) -> object:
        await asyncio.sleep(after_seconds)
        return await holds.post(connection, hold_id, spent(f"{hold_id}:posted", amount_minor), **SAID)

    return take


def voids(hold_id: str) -> Deed:
    """Let go of a hold."""
    return lambda connection: holds.void(connection, hold_id, **SAID)


def expires(hold_id: str) -> Deed:
    """End a hold at the moment at which its time is over."""

    async def expire(connection: AsyncConnection) -> object:
        while True:
            try:
                async with connection.begin_nested():
                    return await holds.expire(connection, hold_id, actor="workflow:hold")
            except HoldNotDue:
                await asyncio.sleep(0.001)

    return expire


def sets(state: AccountState, code: str = ADA) -> Deed:
    """Freeze, open or close a wallet."""
    return lambda connection: account_standing.set_state(connection, code, "USD", state, **SAID)


def limits(minor: int) -> Deed:
    """Give Ada's wallet a limit of bill-back."""
    return lambda connection: account_standing.set_bill_back(connection, ADA, "USD", minor, **SAID)


async def standing(engine: AsyncEngine, code: str = ADA) -> Standing:
    """How an account stands."""
    async with engine.connect() as connection:
        return (await account_standing.standings(connection, code, "USD"))[0]


async def require_sound(engine: AsyncEngine, code: str = ADA) -> Standing:
    """The balance is what the lines say, each line goes on from the one before it, and none left it below its floor."""
    found = await standing(engine, code)
    async with engine.connect() as connection:
        lines = (
            await connection.execute(
                text(
                    "SELECT l.sequence, l.before_minor, l.after_minor FROM lines l JOIN accounts a USING (account_id)"
                    " WHERE a.code = :code AND a.currency = 'USD' ORDER BY l.sequence"
                ),
                {"code": code},
            )
        ).all()
        held = await holds.listed(connection, account=code, state=holds.HoldState.PENDING, limit=1000)
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1)) == list(range(1, found.version + 1))
    assert [line.before_minor for line in lines] == [0, *(line.after_minor for line in lines[:-1])]
    assert found.posted_minor == lines[-1].after_minor
    assert found.pending_minor == sum(hold.amount_minor for hold in held)
    assert found.floor_minor is not None
    assert found.available_minor >= found.floor_minor
    return found


def kinds(results: Sequence[object]) -> Counter[str]:
    """How often what came out."""
    return Counter(type(result).__name__ for result in results)


@pytest.mark.parametrize("winners", [0, 1, 7, 45])
async def test_of_fifty_who_spend_from_one_wallet_as_many_win_as_it_has_money_for(
    engine: AsyncEngine, connection: AsyncConnection, winners: int
) -> None:
    """The others read which account is short and of how much, and leave nothing behind."""
    each = 1000 // winners if winners else 1001
    results = await race(engine, [posts(spent(f"s_{number}", each)) for number in range(SPENDERS)])
    assert kinds(results) == Counter({"list": winners, "AccountShort": SPENDERS - winners})
    left = 1000 - winners * each
    for refused in results:
        if isinstance(refused, AccountShort):
            assert refused.account == ADA
            assert 0 < refused.missing.amount_minor <= each
    assert (await require_sound(engine)).available_minor == left
    assert len(await reports.entries(connection)) == 2 + winners


async def test_who_holds_and_who_spends_never_promise_the_same_money_twice(
    engine: AsyncEngine, connection: AsyncConnection
) -> None:
    """Of twenty-five of each for 3.00 three win in all, whichever they are."""
    deeds = [holds_(f"h_{n}", 300) for n in range(25)] + [posts(spent(f"s_{n}", 300)) for n in range(25)]
    results = await race(engine, deeds)
    found = kinds(results)
    assert found["Hold"] + found["list"] == 3
    assert found["HoldNotCovered"] + found["AccountShort"] == 47
    assert all(r.account == ADA for r in results if isinstance(r, HoldNotCovered | AccountShort))
    assert (await require_sound(engine)).available_minor == 100
    assert len(await reports.entries(connection)) == 2 + found["list"]


async def test_of_fifty_who_place_the_same_hold_one_does(engine: AsyncEngine) -> None:
    """All hear of the same hold; under one id on several accounts one is placed, and the others are told so."""
    later = datetime.now(UTC) + timedelta(hours=1)
    same = await race(engine, [holds_("same", 300, later)] * 25)
    assert len({repr(hold) for hold in same}) == 1, same
    rivals = [holds_("rival", 10, later, code) for code in (ADA, wallet("bob").code) * 12]
    found = kinds(await race(engine, rivals))
    assert found == Counter({"Hold": 12, "HoldConflict": 12}), HoldConflict
    available = (await require_sound(engine)).available_minor + (
        await require_sound(engine, "wallet:user:bob")
    ).available_minor
    assert available == 2000 - 300 - 10


async def test_of_many_who_end_a_hold_one_does(engine: AsyncEngine) -> None:
    """Posted in part, or voided: the others are told how it ended, and the rest is available once."""
    for number in range(ROUNDS):
        hold_id = f"h_{number}"
        await race(engine, [holds_(hold_id, 50)])
        results = await race(engine, [takes(hold_id, 40), *[voids(hold_id)] * 5, takes(hold_id, 40)])
        ended = {r.state for r in results if isinstance(r, holds.Hold)}
        assert len(ended) == 1, results
        assert {r.state for r in results if isinstance(r, HoldNotPending)} <= ended
        assert kinds(results)["Hold"] + kinds(results)["HoldNotPending"] == len(results), results
    found = await require_sound(engine)
    async with engine.connect() as connection:
        posted = await holds.listed(connection, state=holds.HoldState.POSTED)
    assert (found.pending_minor, found.available_minor) == (0, 1000 - 40 * len(posted))


async def test_a_hold_is_posted_or_has_expired_and_never_both(engine: AsyncEngine) -> None:
    """At the moment of its expiry both come: one wins, and the money is gone or there."""
    for number in range(ROUNDS):
        hold_id = f"h_{number}"
        await race(engine, [holds_(hold_id, 50, datetime.now(UTC) + timedelta(seconds=0.25))])
        late = takes(hold_id, 50, after_seconds=0.02 * number)
        results = await race(engine, [expires(hold_id), late, late])
        ended = {r.state for r in results if isinstance(r, holds.Hold)} | {
            r.state for r in results if isinstance(r, HoldNotPending)
        }
        assert len(ended) == 1, results
    found = await require_sound(engine)
    async with engine.connect() as connection:
        posted = await holds.listed(connection, state=holds.HoldState.POSTED)
    assert (found.pending_minor, found.available_minor) == (0, 1000 - 50 * len(posted))


async def test_once_an_account_is_frozen_nothing_comes_after_it(engine: AsyncEngine) -> None:
    """A posting is before the freeze or refused; a hold too; and then the lines stand still."""
    for number in range(ROUNDS):
        spend = [posts(spent(f"s_{number}_{n}", 1)) for n in range(10)]
        results = await race(engine, [*spend[:5], sets(AccountState.FROZEN), *spend[5:], holds_(f"h_{number}", 1)])
        allowed = {"list", "AccountNotOpen", "Standing", "Hold", "HoldAccountNotOpen"}
        assert kinds(results).keys() <= allowed, results
        frozen = await require_sound(engine)
        again = await race(engine, [posts(spent(f"late_{number}", 1)), holds_(f"late_{number}", 1)])
        assert [type(each) for each in again] == [AccountNotOpen, HoldAccountNotOpen]
        assert await standing(engine) == frozen
        await race(engine, [sets(AccountState.OPEN)])


async def test_a_closed_account_holds_nothing_whatever_races_with_its_close(engine: AsyncEngine) -> None:
    """Either the money comes first and it cannot be closed, or it is closed and the money is refused."""
    for number in range(ROUNDS):
        owner = f"o_{number}"
        await race(engine, [posts(filled(f"in_{number}", 5, owner)), posts(spent(f"out_{number}", 5, owner))])
        balance = (await standing(engine, wallet(owner).code)).posted_minor
        if balance:
            await race(engine, [posts(spent(f"rest_{number}", balance, owner))])
        close = sets(AccountState.CLOSED, wallet(owner).code)
        comes = posts(filled(f"more_{number}", 1, owner))
        results = await race(engine, [close, comes] if number % 2 else [comes, close])
        found = await standing(engine, wallet(owner).code)
        ends = Counter({"Standing": 1, "AccountNotOpen": 1}), Counter({"list": 1, "AccountChangeRefused": 1})
        assert kinds(results) in ends, (results, AccountChangeRefused)
        assert (found.state, found.posted_minor) in {(AccountState.CLOSED, 0), (AccountState.OPEN, 1)}


async def test_who_is_billed_back_goes_to_the_limit_and_not_beyond(engine: AsyncEngine) -> None:
    """Fifty spenders of 1.00 find 10.00 and 5.00 of credit: fifteen win, also while the limit is being raised."""
    await race(engine, [limits(300)])
    results = await race(engine, [*(posts(spent(f"s_{n}", 100)) for n in range(SPENDERS)), limits(500)])
    assert 13 <= kinds(results)["list"] <= 15
    results += await race(engine, [posts(spent(f"t_{n}", 100)) for n in range(5)])
    assert kinds(results)["list"] == 15
    assert (await require_sound(engine)).available_minor == -500


async def test_an_entry_that_touches_a_wallet_twice_is_counted_at_its_end(
    engine: AsyncEngine, connection: AsyncConnection
) -> None:
    """Half way it may be below; what it takes in all may not be more than there is."""
    twice = [
        entry(f"e_{n}", *spent("x", 900).lines, *filled("y", 700).lines, *spent("z", 100).lines) for n in range(20)
    ]
    results = await race(engine, [posts(each) for each in twice])
    assert kinds(results) == Counter({"list": 3, "AccountShort": 17})
    assert (await require_sound(engine)).available_minor == 100
    too_much = entry("e_more", *spent("x", 900).lines, *filled("y", 700).lines)
    with pytest.raises(AccountShort) as short:
        await journal.post(connection, [too_much])
    assert (short.value.account, short.value.missing) == (ADA, usd(100))


async def test_entries_in_opposite_orders_over_guarded_accounts_do_not_lock_each_other_out(engine: AsyncEngine) -> None:
    """Ada pays Bob and Bob pays Ada, with holds between: all come through, and no money is lost."""

    def pays(reference: str, frm: str, to: str) -> Entry:
        return entry(reference, spent("x", 1, frm).lines[0], filled("y", 1, to).lines[1])

    deeds: list[Deed] = []
    for number in range(12):
        deeds += [posts(pays(f"a_{number}", "ada", "bob"), pays(f"b_{number}", "bob", "ada"))]
        deeds += [posts(pays(f"c_{number}", "bob", "ada")), posts(pays(f"d_{number}", "ada", "bob"))]
        deeds += [holds_(f"h_{number}", 1), holds_(f"i_{number}", 1, code=wallet("bob").code)]
    results = await race(engine, deeds)
    assert kinds(results) == Counter({"list": 36, "Hold": 24}), results

    def settles(number: int) -> Deed:
        crosses = pays(f"h_{number}:posted", "ada", "bob"), pays(f"i_{number}:posted", "bob", "ada")
        first = number % 2
        return lambda c: holds.post(c, f"{'hi'[first]}_{number}", crosses[first], **SAID)

    results = await race(engine, [settles(number) for number in range(12)])
    assert kinds(results) == Counter({"Hold": 12}), results
    found = [await require_sound(engine), await require_sound(engine, wallet("bob").code)]
    assert sum(each.posted_minor for each in found) == 2000
