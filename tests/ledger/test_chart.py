"""The chart of accounts: what is wrong with one is said with its line, and what facts are booked on is always there."""

import contextlib
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import accounts, chart_file
from ledger.accounts import ANY, BOOKED_BY_RULES, FACTS, Account
from ledger.chart import Chart
from ledger.errors import ChartFault

SHIPPED = chart_file.read()
TEXT = chart_file.DEFAULT.read_text()
LAST = len(TEXT.splitlines())


def row(code: str, kind: str = "liability", side: str = "credit", owner: str = "house", more: str = "") -> str:
    """A line of a chart."""
    return f'  - {{code: "{code}", type: {kind}, normal_side: {side}, owner: {owner}{more}}}\n'


def faults(*rows: str, without: str = "nothing of it") -> list[str]:
    """What is said of the shipped chart with these rows more, and without those that hold a word."""
    lines = [line for line in TEXT.splitlines(keepends=True) if without not in line]
    with pytest.raises(ChartFault) as refused:
        chart_file.parse("".join([*lines, *rows]), "c.yaml")
    return list(refused.value.lines)


def test_the_chart_that_ships_has_every_account_of_the_posting_rules() -> None:
    """With the same type and normal side, and unguarded where facts are booked, but for what is owed for refunds; a new rule's account is in the list."""
    ours = (value for value in vars(accounts).values() if inspect.isfunction(value))
    makers = [maker for maker in ours if inspect.signature(maker).return_annotation is Account]
    makers = [maker for maker in makers if not maker.__name__.startswith("_")]
    made = {maker(*[ANY] * len(inspect.signature(maker).parameters)) for maker in makers}
    assert made == set(BOOKED_BY_RULES)
    for account in BOOKED_BY_RULES:
        found = SHIPPED.row_of(account.code)
        assert found is not None
        assert (found.type, found.normal_side) == (account.type, account.normal_side)
        assert account not in FACTS or found.guarded == (account == accounts.refunds_payable())


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("revenue:refunds", "revenue:refunds"),
        ("revenue:tips", "revenue:{name}"),
        ("wallet:cus_1", "wallet:{customer}"),
        ("wallet:user:ada", "wallet:user:{user}"),
        ("wallet:user:ada:more", None),
        ("wallet", None),
        ("nothing:here", None),
        ("memo:unresolved:contra", "memo:unresolved:contra"),
    ],
)
def test_of_several_rows_the_most_literal_is_meant(code: str, meant: str | None) -> None:
    """A special account has its own row beside the one for all."""
    found = SHIPPED.row_of(code)
    assert (None if found is None else found.code) == meant


def test_two_rows_of_which_nobody_can_say_which_is_meant_are_refused() -> None:
    """The same accounts under two names, and accounts that two rows fit as well as each other."""
    assert faults(row("bank:{account}", "asset", "debit")) == [
        f"c.yaml line {LAST + 1}: code: bank:{{name}} and bank:{{account}} stand for the same accounts: keep one of them"
    ]
    found = faults(row("wallet:{kind}:ada"))
    assert len(found) == len(("company", "user", "campaign"))
    assert "wallet:campaign:{campaign} and wallet:{kind}:ada both stand for some accounts" in found[0]
    [fault] = faults(row("pool:{a}:x"), row("pool:y:{b}"))
    assert fault.startswith(f"c.yaml line {LAST + 2}: code: pool:{{a}}:x and pool:y:{{b}} both stand")


def test_a_row_beneath_another_counts_what_that_counts() -> None:
    """The sum of an account with all beneath it would mislead; a contra account beneath it is no trouble."""
    [fault] = faults(row("bank:{name}:fees", "expense", "debit"))
    where = f"c.yaml line {LAST + 1}: type: "
    assert fault.startswith(f"{where}bank:{{name}}:fees is expense beneath bank:{{name}}, which is asset: sums of that")
    fine = TEXT + row("bank:{name}:overdraft", "asset", "credit") + row("parentless:{a}:{b}", "expense", "debit")
    assert chart_file.parse(fine, "c.yaml").row_of("bank:main:overdraft") is not None


@pytest.mark.parametrize("account", BOOKED_BY_RULES, ids=lambda account: str(account.code))
def test_an_account_that_facts_are_booked_on_cannot_be_left_out(account: Account) -> None:
    """What a gateway did could not be booked any more."""
    shown = account.code.replace(ANY, "{any}")
    kept = [each for each in SHIPPED.accounts if not _fits(each.code, account.code)]
    rows = "".join(row(each.code, each.type, each.normal_side) for each in kept)
    with pytest.raises(ChartFault) as refused:
        chart_file.parse(f"version: 1\naccounts:\n{rows}", "c.yaml")
    assert f"there is no row for {shown}, which the posting rules move: add it" in str(refused.value)


def _fits(pattern: str, code: str) -> bool:
    return (
        Chart.model_validate(
            {"version": 1, "accounts": [{"code": pattern, "type": "memo", "normal_side": "debit", "owner": "house"}]}
        ).row_of(code)
        is not None
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (row("clearing:stripe", "liability"), "clearing:stripe must be asset with normal side debit"),
        (row("clearing:stripe", "asset", "credit"), "clearing:stripe must be asset with normal side debit"),
        (
            row("clearing:paypal", "asset", "debit", "gateway", ", guarded: true"),
            "clearing:paypal may not be guarded: facts are booked on clearing:{any} whatever it holds",
        ),
        (
            row("receivable:cus_1", "asset", "debit", "customer", ", currencies: [USD]"),
            "receivable:cus_1 may not be bound to currencies: facts are booked on receivable:{any} in any",
        ),
    ],
)
def test_no_row_stands_in_the_way_of_facts(rows: str, said: str) -> None:
    """One special account of another type would refuse what a gateway did."""
    assert any(said in fault and f"line {LAST + 1}" in fault for fault in faults(rows))


def test_what_is_owed_for_refunds_is_the_houses() -> None:
    """Were it somebody else's, it could be frozen."""
    other = row("liability:refunds_payable", owner="customer", more=", guarded: true")
    [fault] = faults(other, without="refunds_payable")
    assert "liability:refunds_payable may not be guarded" in fault
    assert chart_file.parse(TEXT.replace("owner: house, guarded: true", "owner: house"), "c.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "c.yaml line 1: the file is empty: write at least what ledger/chart.yaml has"),
        ("accounts: [", "c.yaml line 1: is no YAML: "),
        ("version: 1\naccounts:\n" + row("a:b", "debt"), "c.yaml line 3: type: must be 'asset', "),
        ("version: 1\naccounts:\n" + row("a:b") + row("Bank:x"), "c.yaml line 4: code: is not written as it has to be"),
        ("version: 1\naccounts:\n" + row("a:{B}"), "c.yaml line 3: code: is not written as it has to be"),
        ("version: 1\naccounts:\n" + row("a:b", more=", floor: 5"), "c.yaml line 3: floor: there is no such field"),
        (
            "version: 1\naccounts:\n" + row("a:b", more=", bill_back_minor: 5"),
            "a:b has a limit of bill-back and no guard",
        ),
        (
            "version: 1\naccounts:\n" + row("a:b", more=", currencies: [usd]"),
            "c.yaml line 3: currencies: is not written",
        ),
        ("version: 1\n", "c.yaml line 1: accounts: is missing: add it"),
    ],
)
def test_a_fault_is_said_with_its_line(text: str, said: str) -> None:
    """Whoever writes a chart finds the line."""
    with pytest.raises(ChartFault) as refused:
        chart_file.parse(text, "c.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "cannot be read (No such file or directory): name a chart file"),
        (lambda path: path.write_bytes(b"a" * 1_000_001), "has more than 1000000 bytes"),
        (lambda path: path.write_bytes(b"version: 1\n\xff"), "line 2: is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_chart_is_refused_unread(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    """A mistyped path says so."""
    make(tmp_path / "chart.yaml")
    with pytest.raises(ChartFault, match=said.replace("(", r"\(").replace(")", r"\)")):
        chart_file.read(tmp_path / "chart.yaml")


@given(st.text(max_size=200))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    """Whatever stands in the file, it is a fault with a line and no crash."""
    lines: tuple[str, ...] = ()
    with contextlib.suppress(ChartFault):
        try:
            chart_file.parse(text, "c.yaml")
        except ChartFault as fault:
            lines = fault.lines
            raise
    assert all(line.startswith("c.yaml line ") for line in lines)
