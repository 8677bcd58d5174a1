"""`adjustment request --reverses`: an entry is undone in part and in full, and what cannot be is one clear line."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from commands import adjustment_arguments, reversal_arguments
from commands.adjustment_arguments import TypedEntry
from commands.errors import AnswerIsNo, WrongUse
from ledger.accounts import clearing, gateway_fees, revenue_sales
from ledger.entries import credit, debit
from ledger.reversals import Undoable
from tests.commands.conftest import Answer, CommandLine, Servers
from tests.commands.test_adjustments import WHY, WORD, lines
from tests.commands.test_bad_input import refused, run
from tests.ledger.adjustment_samples import hold_role, set_tier
from tests.ledger.samples import HAPPENED, usd

DATE = ("--date", "2026-11-20")
CONTENT: dict[str, object] = {
    "adjustment_id": "adj_1",
    "requester": "alice",
    "reason_code": "write_off",
    "because": "it was none",
    "evidence": "ticket FIN-1",
    "valid_seconds": 60,
}
SALE = Undoable(
    reference="sale",
    rule="sold",
    event_at=HAPPENED,
    is_reversal=False,
    left=(debit(clearing("stripe"), usd(9700)), debit(gateway_fees(), usd(300)), credit(revenue_sales(), usd(10000))),
)
OPENED = {account.code: account for account in (clearing("stripe"), gateway_fees(), revenue_sales())}


def request(amount: str | None = None, *given: str, date: str = "effective", original: Undoable | None = SALE) -> Any:
    """What becomes of the options; `given` are lines as debits and credits, half of each."""
    sides = given[: len(given) // 2], given[len(given) // 2 :]
    typed = adjustment_arguments.typed_entry(None, *sides, date, needs_lines=False)
    undoing = reversal_arguments.typed_reversal("sale", amount, typed)
    assert undoing is not None
    return reversal_arguments.adjustment_request(undoing, original, OPENED, CONTENT)


def test_all_a_part_or_lines_of_an_entry_are_undone() -> None:
    """With the exact lines in the request, and the entry that they undo."""
    whole = request()
    assert (whole.reverses, whole.event_at, len(whole.lines)) == ("sale", HAPPENED, 3)
    assert [line.money for line in request("50").lines] == [usd(4850), usd(150), usd(5000)]
    named = request(None, "revenue:sales 3.00 USD", "expense:gateway_fees 3.00 USD")
    assert [(line.account, line.money) for line in named.lines] == [
        (revenue_sales(), usd(300)),
        (gateway_fees(), usd(300)),
    ]


def test_a_reversal_is_dated_today_or_as_what_it_undoes_or_as_it_is_said() -> None:
    """Nothing relative to the hour, so that the same request is the same until midnight."""
    today = datetime.now(UTC).date()
    assert request(date="today").event_at == datetime(today.year, today.month, today.day, tzinfo=UTC)
    assert request(date="effective").event_at == HAPPENED
    assert request(date="2026-11-20").event_at == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "given", "original", "fault"),
    [
        ("100.01", (), SALE, "100.00 USD is left to undo, and 100.01 USD was asked for"),
        (None, (), SALE.model_copy(update={"left": ()}), "nothing of it is left to undo"),
        ("1", (), SALE.model_copy(update={"left": ()}), "nothing of it is left to undo"),
        (None, ("revenue:sales 3.01 USD", "expense:gateway_fees 3.01 USD"), SALE, "3.00 USD is left to undo"),
    ],
)
def test_what_cannot_be_undone_is_a_no(
    amount: str | None, given: tuple[str, ...], original: Undoable, fault: str
) -> None:
    """Exit code 1, with what is left."""
    with pytest.raises(AnswerIsNo, match=fault):
        request(amount, *given, original=original)


def test_an_entry_that_is_not_there_is_a_wrong_use() -> None:
    """Exit code 2, with where to look."""
    with pytest.raises(WrongUse) as wrong:
        request(original=None)
    assert wrong.value.lines == ("--reverses: there is no entry sale: `ledger entries` lists the last ones",)
    with pytest.raises(WrongUse) as wrong:
        request("ten")
    assert "'ten'" in wrong.value.lines[0]
    assert reversal_arguments.typed_reversal(None, None, TypedEntry(lines=(), date=None)) is None


def test_options_that_contradict_each_other_are_told_at_once() -> None:
    """Before any server is asked."""
    base = ("adjustment", "request", *WHY, "--by", "alice")
    undo = (*base, "--reverses", "sale")
    refused(run(*undo), "--date: is needed: say `today`, `effective` for the date of what is undone, or a date")
    refused(
        run(*undo, *DATE, "--amount", "1", *lines("1.00")),
        "--amount: the lines say how much is undone: give one of the two",
    )
    refused(
        run(*base, *DATE, "--amount", "1", *lines("1.00")),
        "--amount: is for --reverses: name the entry to undo, or write the amount on its lines",
    )


@pytest.fixture(scope="module")
def accountants(servers: Servers, cli: CommandLine) -> None:
    """Alice and bob are accountants, and there is an entry of theirs to undo."""
    with psycopg.connect(servers.superuser_url, autocommit=True) as superuser:
        hold_role(superuser, "alice", "bob")
        set_tier(superuser)
    post(cli, "adj_wrong", *lines("40.00"), *DATE)


def post(cli: CommandLine, adjustment_id: str, *entry: str) -> Answer:
    """Alice asks, and bob approves."""
    asked = cli("adjustment", "request", *entry, *WHY, "--by", "alice", "--id", adjustment_id, "--json")
    assert asked.exit_code == 0, asked.stderr
    seen = asked.document["entry_hash"]
    return cli("adjustment", "approve", adjustment_id, "--hash", seen, *WORD, "--by", "bob")


@pytest.mark.usefixtures("accountants")
def test_an_entry_is_undone_in_part_then_in_full_and_then_no_more(cli: CommandLine) -> None:
    """Each is approved as any adjustment, and the entry shows what undid it and what is left."""
    wrong = "adjustment/adj_wrong"
    undo = ("--reverses", wrong, "--date", "effective")
    assert post(cli, "adj_part", *undo, "--amount", "15.00").exit_code == 0
    entry = cli("ledger", "entry", wrong, "--json").document
    assert (entry["reversed_by"], entry["left_to_undo"]) == (["adjustment/adj_part"], {"USD": 2500})
    shown = cli("ledger", "entry", wrong).stdout
    assert "left to undo" in shown
    assert "25.00 USD" in shown
    assert f"  reverses        {wrong}" in cli("adjustment", "show", "adj_part").stdout
    statement = cli("ledger", "statement", "expense:bad_debt").stdout
    assert "reversed by adjustment/adj_part, 25.00 USD left to undo" in " ".join(statement.split())
    [event] = [
        event for event in cli("ledger", "audit-trail", "--json").document["events"] if event["subject"] == wrong
    ]
    assert event["left_to_undo"] == {"USD": 2500}
    again = cli("adjustment", "request", *undo, "--amount", "15.00", *WHY, "--by", "alice", "--id", "adj_part")
    assert (again.exit_code, again.stdout.split(":")[0]) == (0, "adjustment adj_part is posted")
    assert post(cli, "adj_rest", *undo).exit_code == 0
    part = cli("ledger", "entry", "adjustment/adj_rest", "--json").document
    assert (part["reverses"], part["event_at"], part["left_to_undo"]) == (wrong, entry["event_at"], None)
    answer = cli("adjustment", "request", *undo, *WHY, "--by", "alice", "--id", "adj_more")
    assert (answer.exit_code, answer.lines) == (
        1,
        [f"error: entry {wrong} cannot be reversed so: nothing of it is left to undo"],
    )
    answer = cli("adjustment", "request", "--reverses", "none", *DATE, *WHY, "--by", "alice")
    line = "error: --reverses: there is no entry none: `ledger entries` lists the last ones"
    assert (answer.exit_code, answer.lines) == (2, [line])
