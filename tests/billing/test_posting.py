"""Posting rules of billing: which lines each fact becomes, and that what undoes another undoes all of it."""

from hypothesis import given
from hypothesis import strategies as st

from billing import posting
from ledger.entries import Entry
from tests.billing.owed_samples import ALICE, NOW, invoice, line, payment, usd


def lines(entry: Entry | None) -> list[tuple[str, str, int]]:
    assert entry is not None
    return [(each.account.code, str(each.side), each.money.amount_minor) for each in entry.lines]


def test_an_invoice_is_owed_and_each_line_earns_to_its_account() -> None:
    """Deferred revenue and tax stand beside what is earned at once; lines of one account are one line."""
    of = [line(1000), line(500), line(-200, "revenue:discounts"), line(247, "tax:payable")]
    of.append(line(300, "liability:deferred_revenue"))
    made = posting.issued(invoice(1847), of, event_at=NOW, actor=ALICE)
    assert lines(made) == [
        ("receivable:cus_1", "debit", 1847),
        ("liability:deferred_revenue", "credit", 300),
        ("revenue:discounts", "debit", 200),
        ("revenue:subscriptions", "credit", 1500),
        ("tax:payable", "credit", 247),
    ]
    assert made is not None
    assert (made.reference, made.rule) == ("invoice/in_1:issued", "invoice_issued")


def test_an_invoice_over_nothing_is_posted_nowhere() -> None:
    """There is no entry of nothing, neither when it is issued nor when it is void."""
    free = invoice(0)
    assert posting.issued(free, [line(0)], event_at=NOW, actor=ALICE) is None
    assert posting.issued(free, [line(5), line(-5)], event_at=NOW, actor=ALICE) is None
    assert posting.voided(free, [line(0)], event_at=NOW, actor=ALICE, because="mistake") is None


@given(st.lists(st.tuples(st.integers(-999, 999), st.sampled_from(["revenue:a", "tax:payable"])), min_size=1))
def test_a_void_invoice_undoes_all_that_was_issued(amounts: list[tuple[int, str]]) -> None:
    """To the line, and linked to it, so that nobody has to compare."""
    of = [line(minor, code) for minor, code in amounts]
    total = sum(minor for minor, _ in amounts)
    made = posting.issued(invoice(total), of, event_at=NOW, actor=ALICE)
    undone = posting.voided(invoice(total), of, event_at=NOW, actor=ALICE, because="mistake")
    if made is None or undone is None:
        assert made is undone
        return
    assert [each.reversed() for each in undone.lines] == list(made.lines)
    assert undone.reverses == made.reference


def test_bad_debt_is_what_is_still_due_and_comes_back_as_it_is_paid() -> None:
    """What was paid before is no loss; what is recovered is no revenue; what is given back again is lost again."""
    off = posting.written_off(invoice(1900, 400), event_at=NOW, actor=ALICE, because="insolvent")
    assert lines(off) == [("expense:bad_debt", "debit", 1500), ("receivable:cus_1", "credit", 1500)]
    back = posting.recovered(invoice(), usd(600), 7, event_at=NOW, actor=ALICE)
    assert lines(back) == [("receivable:cus_1", "debit", 600), ("expense:bad_debt", "credit", 600)]
    assert back.reference == "invoice/in_1:recovered:7"
    again = posting.recovered(invoice(), usd(-600), 8, event_at=NOW, actor=ALICE)
    assert lines(again) == [("expense:bad_debt", "debit", 600), ("receivable:cus_1", "credit", 600)]


def test_a_payment_from_outside_is_at_the_bank_and_what_is_left_over_is_credit() -> None:
    """What a customer paid too much is theirs, and no debt of less than nothing."""
    made = posting.received(payment(2000), actor=ALICE)
    assert lines(made) == [("bank:main", "debit", 2000), ("receivable:cus_1", "credit", 2000)]
    assert (made.reference, made.event_at) == ("payment/outside/p1", NOW)
    kept = posting.credit_changed(payment(2000), 100, event_at=NOW, actor=ALICE)
    assert lines(kept) == [("receivable:cus_1", "debit", 100), ("liability:customer_credit:cus_1", "credit", 100)]
    assert kept.reference == "payment/outside/p1:credit:1"
    used = posting.credit_changed(payment(2000), -100, event_at=NOW, actor=ALICE)
    assert lines(used) == [("liability:customer_credit:cus_1", "debit", 100), ("receivable:cus_1", "credit", 100)]
