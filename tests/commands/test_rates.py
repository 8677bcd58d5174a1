"""Rates on the command line: stated once, listed, read at a moment, loaded from a file."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ledger import exchange
from ledger import rates as stated
from ledger.accounts import clearing
from ledger.database import create_engine
from ledger.entries import debit
from starter import app
from tests.conftest import Database
from tests.ledger.exchange_samples import conversion, money, new_rate

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
HEAD = "from,to,rate,effective_from,source\n"


class Rates:
    """The commands against one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: str) -> Result:
        return CliRunner(env={"DATABASE_URL": self.url}).invoke(app, ["rates", *arguments])

    def add(self, rate: str = "1.08", effective_from: str = "2026-11-02") -> Result:
        return self("add", "eur", "usd", rate, "--source", "ECB", "--effective-from", effective_from)


@pytest.fixture
def rates(database: Database) -> Rates:
    """The commands against books of their own."""
    return Rates(database.app_url)


def said(result: Result) -> tuple[int, str, str]:
    return result.exit_code, result.stdout, result.stderr


def test_a_rate_is_stated_once(rates: Rates) -> None:
    """The same again is the same; another one for the moment is no."""
    assert said(rates.add()) == (0, "1 EUR = 1.08 USD from 2026-11-02 00:00:00 UTC on is stated\n", "")
    assert said(rates.add("27/25")) == (0, "1 EUR = 1.08 USD from 2026-11-02 00:00:00 UTC on was stated before\n", "")
    refused = "EUR to USD from 2026-11-02 00:00:00 UTC on was stated as 1.08, and a rate is never rewritten: give one that is effective later"
    assert said(rates.add("1.09")) == (1, "", f"error: {refused}\n")
    assert rates.add("1.09", "2026-11-03").exit_code == 0


def test_the_rate_of_a_moment_is_read(rates: Rates) -> None:
    """Both ways, also by what was known; where there is none the answer is no."""
    rates.add()
    rates.add("1.20", "2026-11-05")
    at = rates("at", "EUR", "USD", "--at", "2026-11-04")
    assert said(at) == (0, "1 EUR is 1.08 USD: 1.08 of 2026-11-02 00:00 UTC (ECB)\n", "")
    inverse = rates("at", "usd", "eur", "--at", "2026-11-04", "--json")
    document = json.loads(inverse.stdout)
    assert (document["rate"], document["is_inverse"], document["stated"]["rate"]) == ("25/27", True, "1.08")
    unknown = rates("at", "EUR", "USD", "--at", "2026-11-04", "--known-at", "2020-01-01")
    assert unknown.exit_code == 1
    assert "by what was known at 2020-01-01 00:00:00 UTC" in unknown.stderr
    before = rates("at", "EUR", "USD", "--at", "2026-11-01")
    assert said(before) == (
        1,
        "",
        "error: there is no rate from EUR to USD at 2026-11-01 00:00:00 UTC: state one with `rates add`\n",
    )


def test_rates_are_listed(rates: Rates) -> None:
    """The last effective one first, with who stated it and since when it is known."""
    rates.add()
    rates.add("1.20", "2026-11-05")
    listed = json.loads(rates("list", "--from", "EUR", "--json").stdout)["rates"]
    assert [row["rate"] for row in listed] == ["1.2", "1.08"]
    assert listed[0]["actor"].startswith("person:")
    assert "1.08" in rates("list").stdout
    assert json.loads(rates("list", "--to", "EUR", "--json").stdout) == {"rates": []}


def test_a_file_is_loaded_whole_or_not_at_all(rates: Rates, tmp_path: Path) -> None:
    """A conflict in its last line leaves nothing of it."""
    path = tmp_path / "rates.csv"
    path.write_text(f"{HEAD}EUR,USD,1.08,2026-11-02,ECB\nGBP,USD,1.30,2026-11-02,ECB\n")
    assert said(rates("load", str(path))) == (0, f"{path}: 2 rates, 2 of them new\n", "")
    assert json.loads(rates("load", str(path), "--json").stdout) == {"rates": 2, "new": 0}
    path.write_text(f"{HEAD}CHF,USD,1.1,2026-11-02,ECB\nGBP,USD,1.31,2026-11-02,ECB\n")
    refused = rates("load", str(path))
    assert refused.exit_code == 1
    assert "was stated as 1.3" in refused.stderr
    assert len(json.loads(rates("list", "--json").stdout)["rates"]) == 2


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("add", "EUR", "EUR", "1", "--source", "x"), ["EUR is always 1 EUR: give two units"]),
        (("add", "EUR", "XYZ", "1", "--source", "x"), ["TO: unknown currency 'XYZ': give an ISO 4217 code such as USD"]),
        (("add", "EUR", "USD", "1,08", "--source", "x"), ["RATE: rate '1,08' is no rate: write it like 1.0834, or 1/3"]),
        (("add", "EUR", "USD", "0", "--source", "x"), ["RATE: rate 0 must be greater than zero: write it like 1.0834, or 1/3"]),
        (("add", "EUR", "USD", "1", "--source", " "), ["--source: must say where the rate is from, such as ECB"]),
        (
            ("add", "EUR", "USD", "1", "--source", "x", "--effective-from", "soon"),
            ["--effective-from 'soon' is no point in time: write it like 7d, 2026-11-21 or 2026-11-21T08:00Z"],
        ),
        (("at", "EUR", "points"), ["TO: unknown currency 'POINTS': give an ISO 4217 code such as USD"]),
        (("list", "--from", "points"), ["--from: unknown currency 'POINTS': give an ISO 4217 code such as USD"]),
        (("load", "absent.csv"), ["absent.csv cannot be read (No such file or directory): name a rate file"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_is_connected_to(
    arguments: tuple[str, ...], lines: list[str]
) -> None:
    """One line each, and exit code 2."""
    result = Rates(NOWHERE)(*arguments)
    assert said(result) == (2, "", "".join(f"error: {line}\n" for line in lines))


async def test_positions_are_shown_with_their_cost(database: Database) -> None:
    """Whoever asks what is held of a currency sees what it cost in the functional one; another one is refused."""
    engine = create_engine(database.app_url, 1)
    async with engine.begin() as connection:
        await stated.add(connection, new_rate("EUR", "USD", "1.08"))
        euros = money("100", "EUR")
        line = debit(clearing("stripe"), euros)
        await exchange.convert(connection, conversion(euros, "USD", line=line, receiver=clearing("paypal")), "USD")
    await engine.dispose()

    def positions(*more: str, **environment: str) -> Result:
        env = {"DATABASE_URL": database.app_url, **environment}
        return CliRunner(env=env).invoke(app, ["rates", "positions", *more])

    shown = await asyncio.to_thread(positions, "--json")
    assert json.loads(shown.stdout)["positions"] == [
        {"unit": "EUR", "held_minor": 10000, "cost_minor": 10800, "functional_currency": "USD"}
    ]
    table = await asyncio.to_thread(positions)
    assert ["EUR", "100.00", "EUR", "108.00", "USD"] in [line.split() for line in table.stdout.splitlines()]
    refused = await asyncio.to_thread(lambda: positions(FUNCTIONAL_CURRENCY="GBP"))
    said_no = "error: exchange:EUR was kept in USD, and the functional currency is GBP: set FUNCTIONAL_CURRENCY back\n"
    assert (refused.exit_code, refused.stderr) == (2, said_no)
    wrong = await asyncio.to_thread(lambda: positions(FUNCTIONAL_CURRENCY="CREDIT"))
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "error: FUNCTIONAL_CURRENCY: must be a currency of ISO 4217, like USD\n",
    )
