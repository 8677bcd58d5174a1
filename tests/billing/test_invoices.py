"""Invoices: what can be asked for at all, where one stands, and what may be done with it from there."""

from typing import Any

import pytest
from pydantic import ValidationError

from billing.invoices import Action, InvoiceState, state_of, why_not
from tests.billing.owed_samples import asked, invoice, line


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"lines": ()}, "an invoice has at least one line"),
        ({"lines": (line(100), line(-101))}, "the lines sum to -0.01 USD"),
        ({"currency": "XXX"}, "no minor unit"),
        ({"currency": "CREDIT"}, "unknown currency"),
        ({"invoice_id": "4242424242424242"}, "looks like a card number"),
        ({"customer_id": "a@b.example"}, "should match pattern"),
    ],
)
def test_what_cannot_be_billed_cannot_be_asked_for(changes: dict[str, Any], fault: str) -> None:
    """An invoice over less than nothing, or in no currency, is refused before anything is written."""
    with pytest.raises(ValidationError, match=fault):
        asked(**changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"earns_to": "bank:main"}, "a line earns to an account of revenue, liability, tax, not to bank:main"),
        ({"earns_to": "Revenue"}, "should match pattern"),
        ({"begins": "2026-01-01"}, "give the first day"),
        ({"begins": "2026-02-01", "ends": "2026-02-01"}, "give the first day"),
        ({"description": " "}, "should match pattern"),
        ({"description": "card 4242 4242 4242 4242"}, "looks like a card number"),
        ({"amount_minor": 10**12}, "less than or equal"),
    ],
)
def test_a_line_that_is_not_whole_cannot_be_asked_for(changes: dict[str, Any], fault: str) -> None:
    """It says what it is for, earns to an account of ours that earns, and holds no card number."""
    fields: dict[str, Any] = {"description": "Pro", "amount_minor": 1, "earns_to": "revenue:x"}
    with pytest.raises(ValidationError, match=fault):
        type(line()).model_validate(fields | changes)


def test_whoever_asks_it_is_the_same_invoice() -> None:
    """Who asks is no part of the content; what is asked for is."""
    assert asked().content_hash() == asked(actor="person:bob").content_hash()
    assert asked().content_hash() != asked(1901).content_hash()


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ((False, False, False, 10, 0), InvoiceState.DRAFT),
        ((True, False, False, 10, 0), InvoiceState.OPEN),
        ((True, False, False, 10, 9), InvoiceState.OPEN),
        ((True, False, False, 10, 10), InvoiceState.PAID),
        ((True, False, False, 0, 0), InvoiceState.PAID),
        ((True, False, True, 10, 4), InvoiceState.UNCOLLECTIBLE),
        ((True, False, True, 10, 10), InvoiceState.PAID),
        ((True, True, False, 10, 0), InvoiceState.VOID),
        ((False, True, False, 10, 0), InvoiceState.VOID),
    ],
)
def test_the_state_follows_from_what_happened(facts: tuple[bool, bool, bool, int, int], state: InvoiceState) -> None:
    """Nobody sets it, so that it cannot contradict the money."""
    final, void, lost, total, applied = facts
    assert state is state_of(
        is_final=final, is_void=void, is_written_off=lost, total_minor=total, applied_minor=applied
    )


def test_what_each_state_allows() -> None:
    """Money that came in is not called off with the invoice, and what is over stays over."""
    allowed = {
        (action, state) for action in Action for state in InvoiceState if why_not(invoice(state=state), action) is None
    }
    assert allowed == {
        (Action.FINALIZE, InvoiceState.DRAFT),
        (Action.VOID, InvoiceState.DRAFT),
        (Action.VOID, InvoiceState.OPEN),
        (Action.WRITE_OFF, InvoiceState.OPEN),
    }
    partly = invoice(1900, 500)
    assert why_not(partly, Action.WRITE_OFF) is None
    assert why_not(partly, Action.VOID) == "5.00 USD of it is paid: refund that first, or write the rest off"
    paid = invoice(1900, 1900, state=InvoiceState.PAID)
    assert why_not(paid, Action.WRITE_OFF) == "it is paid, and one can write off only what is open"
