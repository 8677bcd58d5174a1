"""A chart in the database: what it has no row for cannot be opened, and one that contradicts open accounts changes nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import account_standing, chart_file, chart_loading, journal, migrate
from ledger.account_standing import AccountState
from ledger.accounts import Account, AccountType, Side
from ledger.chart import Chart, ChartRow, Owner
from ledger.entries import Entry, debit
from ledger.errors import AccountConflict, AccountNotInChart, ChartFault
from ledger.migrate import upgrade
from tests.conftest import Database
from tests.ledger.samples import capture, usd
from tests.ledger.wallets import filled, spent, wallet

SHIPPED = chart_file.read()
SAID: dict[str, Any] = {"actor": "person:alice", "because": "as ada asked"}
USERS = "wallet:user:{user}"


def changed(code: str, **changes: Any) -> Chart:
    """The shipped chart with one row changed."""
    rows = [row.model_copy(update=changes) if row.code == code else row for row in SHIPPED.accounts]
    return SHIPPED.model_copy(update={"accounts": tuple(rows)})


def without(*codes: str) -> Chart:
    """The shipped chart without some rows."""
    return SHIPPED.model_copy(update={"accounts": tuple(row for row in SHIPPED.accounts if row.code not in codes)})


def with_row(code: str, **fields: Any) -> Chart:
    """The shipped chart with a row more."""
    row = {"code": code, "type": "liability", "normal_side": "credit", "owner": "user", "guarded": True} | fields
    return SHIPPED.model_copy(update={"accounts": (*SHIPPED.accounts, ChartRow.model_validate(row))})


@pytest.fixture
async def ada(connection: AsyncConnection) -> AsyncConnection:
    """Ada has 10.00."""
    await journal.post(connection, [filled("in", 1000)])
    await connection.commit()
    return connection


@pytest.fixture
def everything(superuser: psycopg.Connection) -> Callable[[], Any]:
    """What the chart and the accounts are, row for row."""
    queries: tuple[LiteralString, ...] = (
        "SELECT t::text FROM chart t ORDER BY 1",
        "SELECT t::text FROM accounts t ORDER BY 1",
        "SELECT t::text FROM balances t ORDER BY 1",
        "SELECT t::text FROM account_changes t ORDER BY 1",
    )
    return lambda: [superuser.execute(query).fetchall() for query in queries]


def entry(code: str, kind: AccountType = AccountType.LIABILITY, currency: str = "USD") -> Entry:
    """An entry on an account of this code."""
    account = Account(code=code, type=kind, normal_side=Side.CREDIT)
    line = debit(account, usd(1).model_copy(update={"currency": currency}))
    other = capture().lines[1].model_copy(update={"money": line.money})
    return capture().model_copy(update={"reference": "e", "lines": (line, other)})


@pytest.mark.parametrize("code", ["nothing:here", "wallet:user:ada:more", "bank2:main"])
async def test_an_account_without_a_row_is_never_opened(connection: AsyncConnection, code: str) -> None:
    """A mistyped code is refused and opens nothing."""
    with pytest.raises(AccountNotInChart, match=f"there is no account {code} in the chart"):
        await journal.post(connection, [entry(code)])


async def test_an_account_is_what_its_row_says(connection: AsyncConnection) -> None:
    """Whoever thinks otherwise of it is refused."""
    with pytest.raises(AccountConflict, match="account tax:payable is in the chart with another type or normal side"):
        await journal.post(connection, [entry("tax:payable", AccountType.ASSET)])


async def test_an_account_is_kept_in_the_currencies_of_its_row(database: Database, connection: AsyncConnection) -> None:
    """Credits are no dollars: what a row forbids is not opened."""
    upgrade(database.superuser_url, with_row("points:{user}", guarded=False, currencies=["EUR"]))
    with pytest.raises(AccountConflict, match="account points:ada is not kept in USD"):
        await journal.post(connection, [entry("points:ada")])
    await connection.rollback()
    await journal.post(connection, [entry("points:ada", currency="EUR")])


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (changed(USERS, type=AccountType.EQUITY), "is open as liability with normal side credit: keep it so"),
        (changed(USERS, normal_side=Side.DEBIT), "is open as liability with normal side credit: keep it so"),
        (without(USERS), "account wallet:user:ada in USD is open, and the chart has no row for it"),
        (changed(USERS, currencies=("EUR",)), "is open, and the chart does not allow it in this currency"),
        (changed(USERS, owner=Owner.HOUSE), "is frozen, which only a guarded account of others can be"),
        (changed(USERS, guarded=False), "is frozen, which only a guarded account of others can be"),
    ],
)
async def test_a_chart_that_contradicts_open_accounts_is_refused_and_changes_nothing(
    database: Database, ada: AsyncConnection, everything: Any, chart: Chart, said: str
) -> None:
    """What was booked was booked as it is."""
    if "frozen" in said:
        await account_standing.set_state(ada, wallet().code, "USD", AccountState.FROZEN, **SAID)
        await ada.commit()
    before = everything()
    with pytest.raises(ChartFault) as refused:
        upgrade(database.superuser_url, chart)
    assert said in refused.value.lines[0]
    assert everything() == before


async def test_guards_of_open_accounts_follow_the_chart(
    database: Database, ada: AsyncConnection, engine: AsyncEngine
) -> None:
    """A new limit of bill-back, or a guard that is taken away, holds from the migration on; a person's limit stands."""

    async def floor() -> int | None:
        async with engine.connect() as connection:
            [standing] = await account_standing.standings(connection, wallet().code)
        return standing.floor_minor

    upgrade(database.superuser_url, changed(USERS, bill_back_minor=500))
    assert await floor() == -500
    upgrade(database.superuser_url, changed(USERS, guarded=False))
    assert await floor() is None
    upgrade(database.superuser_url)
    assert await floor() == 0
    await account_standing.set_bill_back(ada, wallet().code, "USD", 70, **SAID)
    await ada.commit()
    upgrade(database.superuser_url, changed(USERS, bill_back_minor=500))
    assert await floor() == -70


async def test_a_guard_is_refused_where_an_account_is_below_it_and_facts_go_on_where_it_is_the_houses(
    database: Database, ada: AsyncConnection, engine: AsyncEngine, everything: Any
) -> None:
    """Nobody is guarded into debt; what is owed for refunds may stand as it stood, and falls no further."""
    upgrade(database.superuser_url, changed(USERS, bill_back_minor=500))
    await journal.post(ada, [spent("below", 1300)])
    await ada.commit()
    before = everything()
    with pytest.raises(ChartFault, match="has -300 available in minor units, below the 0 that the chart asks of it"):
        upgrade(database.superuser_url)
    assert everything() == before
    loose = changed("liability:refunds_payable", guarded=False)
    keeps = tuple(r.model_copy(update={"bill_back_minor": 500}) if r.code == USERS else r for r in loose.accounts)
    upgrade(database.superuser_url, loose.model_copy(update={"accounts": keeps}))
    payable = entry("liability:refunds_payable")
    await journal.post(ada, [payable])
    await ada.commit()
    upgrade(database.superuser_url, changed(USERS, bill_back_minor=500))
    [standing] = await account_standing.standings(ada, "liability:refunds_payable")
    assert (standing.available_minor, standing.floor_minor) == (-1, -1)


async def test_a_chart_that_is_loaded_already_changes_nothing(
    database: Database, superuser: psycopg.Connection
) -> None:
    """Every start of the system may migrate, beside postings that open accounts."""
    rows = "SELECT ctid::text, xmin::text FROM chart ORDER BY 1"
    before = superuser.execute(rows).fetchall()
    migrate.upgrade(database.superuser_url)
    assert superuser.execute(rows).fetchall() == before


async def test_who_opens_an_account_while_a_chart_is_loaded_opens_it_by_the_new_one(
    database: Database, engine: AsyncEngine, superuser: psycopg.Connection
) -> None:
    """Neither sees half of the other: the posting waits, and is refused where the new chart has no such account."""
    from sqlalchemy import create_engine  # noqa: PLC0415 # a plain connection, as a migration has

    owner = create_engine(database.superuser_url.replace("postgresql://", "postgresql+psycopg://"))
    with owner.connect() as loading, ThreadPoolExecutor(1) as pool:
        chart_loading.apply(loading, without(USERS))
        waiting = pool.submit(_post, database.app_url)
        while superuser.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (1,):
            assert not waiting.done(), waiting.result()
        loading.commit()
        assert "there is no account wallet:user:ada in the chart" in waiting.result()
    owner.dispose()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM accounts")) == 0


def _post(url: str) -> str:
    """Post for Ada as the application does, and say why it was refused."""
    given = journal.Posting([filled("in", 5)]).given
    with psycopg.connect(url) as connection:
        try:
            connection.execute("SELECT * FROM post_entries(%s::jsonb)", [f"[{given}]"])
        except psycopg.Error as error:
            return str(error)
    return "it was posted"
