"""An event is passed on exactly where it may say something that the books do not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateways.port import OperationKind
from gateways.webhooks.events import TAKEN_BACK, Claim, WebhookEvent
from gateways.webhooks.stripe_events import CREATED, FEE_KNOWN
from ledger.operations import Operation
from workflows.event_verdicts import AskedJustNow, Known, News, NotFound, NotOurs, verdict_of

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def operation(kind: str, outcome: str | None, number: int = 1, **changes: Any) -> Operation:
    """An operation on the payment `pi_1`, an hour old."""
    fields = dict.fromkeys(Operation.model_fields) | {
        "customer_present": True,
        "operation_id": f"ch_1:{kind}:{number}",
        "charge_id": "ch_1",
        "kind": kind,
        "number": number,
        "attempt": 1,
        "gateway": "stripe",
        "amount_minor": 100,
        "currency": "USD",
        "payment_reference": "pi_1",
        "outcome": outcome,
        "fee_status": "none",
        "actor": "person:tester",
        "final": True,
        "requested_at": NOW - timedelta(hours=1),
        "purpose": "attempt:1",
        "excess": False,
        "authenticate": False,
        "times_unknown": 0,
    }
    return Operation.model_validate(fields | changes)


def event(claimed: str | None, *kinds: OperationKind, **changes: Any) -> WebhookEvent:
    """An event about the payment `pi_1` that claims an outcome."""
    fields = {
        "gateway": "stripe",
        "event_id": "evt_1",
        "event_type": "t",
        "operation_ids": (),
        "references": ("pi_1",),
        "claim": Claim(frozenset(kinds), claimed) if claimed else None,
    }
    return WebhookEvent(**(fields | changes))


CAPTURE, REFUND, AUTHORIZE = OperationKind.CAPTURE, OperationKind.REFUND, OperationKind.AUTHORIZE


def test_what_the_books_say_already_is_not_passed_on() -> None:
    """The usual event after the usual charge costs no process and no request."""
    succeeded = operation("capture", "succeeded")
    assert verdict_of(event("succeeded", CAPTURE), [succeeded], NOW) == Known(succeeded)
    assert verdict_of(event(CREATED, CAPTURE), [succeeded], NOW) == Known(succeeded)
    assert verdict_of(event("pending", CAPTURE), [succeeded], NOW) == Known(succeeded)


@pytest.mark.parametrize("outcome", ["declined", "refused", "unknown", "pending", "action_required", "failed"])
def test_a_success_that_the_books_do_not_have_is_news(outcome: str) -> None:
    """Money that moved after we had moved on, or while we waited, is looked at at once."""
    known = operation("capture", outcome)
    assert verdict_of(event("succeeded", CAPTURE), [known], NOW) == News(
        known, "pi_1", is_later=outcome in {"declined", "refused", "failed"}
    )


@pytest.mark.parametrize("claimed", ["declined", "pending", "failed"])
def test_a_contradiction_is_news(claimed: str) -> None:
    """A decline of what succeeded, or life in what was given up, is looked at."""
    known = operation("capture", "succeeded" if claimed != "pending" else "declined")
    assert isinstance(verdict_of(event(claimed, CAPTURE), [known], NOW), News)


def test_what_claims_nothing_is_news() -> None:
    """Where only reading can tell, the object is read."""
    assert isinstance(verdict_of(event(None), [operation("capture", "succeeded")], NOW), News)


def test_a_capture_is_not_known_by_its_authorization() -> None:
    """Both go by one PaymentIntent; that the amount was reserved does not say that it was taken."""
    authorized, unknown = operation("authorize", "succeeded"), operation("capture", "unknown")
    assert verdict_of(event("succeeded", CAPTURE), [unknown, authorized], NOW) == News(unknown, "pi_1")
    assert verdict_of(event("succeeded", AUTHORIZE), [unknown, authorized], NOW) == Known(authorized)
    assert isinstance(verdict_of(event("succeeded", CAPTURE), [authorized], NOW), News)


def test_a_refund_is_not_known_by_another_refund() -> None:
    """A refund made in the gateway's dashboard is news, although a refund of ours of the same payment succeeded."""
    ours = operation("refund", "succeeded", gateway_reference="re_1", refund_id="r_1")
    assert isinstance(verdict_of(event("succeeded", REFUND), [ours], NOW), News)
    named = event("succeeded", REFUND, operation_ids=("ch_1:refund:1",))
    assert verdict_of(named, [ours], NOW) == Known(ours)
    assert verdict_of(event("succeeded", REFUND, references=("re_1", "pi_1")), [ours], NOW) == Known(ours)


def test_an_event_goes_to_the_operation_that_it_is_about() -> None:
    """A refund's event goes to the refund's process, also before the refund's object is known."""
    captured, refund = operation("capture", "succeeded"), operation("refund", "pending", refund_id="r_1")
    named = event("failed", REFUND, operation_ids=("ch_1:refund:1", "ch_1:capture:1"))
    assert verdict_of(named, [captured, refund], NOW) == News(refund, "pi_1")


def test_money_taken_back_is_news_of_the_capture_whatever_the_books_say() -> None:
    """A dispute is never known by its payment, and goes to the capture although a refund or a void came after it."""
    authorized, captured = (operation(kind, "succeeded", gateway_reference="pi_1") for kind in ("authorize", "capture"))
    refund = operation("refund", "succeeded", gateway_reference="re_1", refund_id="r_1")
    disputed = event(TAKEN_BACK, CAPTURE, references=("dp_1", "pi_1", "ch_9"))
    for known in ([refund, captured, authorized], [captured, refund, authorized], [authorized, captured, refund]):
        assert verdict_of(disputed, known, NOW) == News(captured, "dp_1", is_later=True)


def test_a_fee_that_is_awaited_is_news_and_a_known_one_is_not() -> None:
    """The event that brings the fee ends the wait for it."""
    awaited = operation("capture", "succeeded", fee_status="pending")
    assert isinstance(verdict_of(event(FEE_KNOWN, CAPTURE), [awaited], NOW), News)
    known = operation("capture", "succeeded", fee_status="known")
    assert verdict_of(event(FEE_KNOWN, CAPTURE), [known], NOW) == Known(known)


def test_a_process_that_is_asking_at_this_moment_is_left_to_it() -> None:
    """An event that overtakes the answer is kept for a moment; one that waits for a stuck process is not."""
    asked = operation("capture", None, requested_at=NOW - timedelta(seconds=1))
    assert verdict_of(event("succeeded", CAPTURE), [asked], NOW) == AskedJustNow(asked)
    stuck = operation("capture", None, requested_at=NOW - timedelta(seconds=11))
    assert verdict_of(event("succeeded", CAPTURE), [stuck], NOW) == News(stuck, "pi_1")


def test_a_person_who_asks_for_it_gets_it_passed_on() -> None:
    """`webhooks replay` makes the process look, whatever the books say."""
    known = operation("capture", "succeeded")
    assert verdict_of(event("succeeded", CAPTURE), [known], NOW, anyway=True) == News(known, "pi_1", is_later=True)


def test_what_is_not_found_and_what_is_no_payment_are_told_apart() -> None:
    """Money that we know nothing of is a reason to look; an event about a customer's address is not."""
    assert verdict_of(event("succeeded", CAPTURE), [operation("capture", None, payment_reference="pi_2")], NOW) == (
        NotFound()
    )
    assert isinstance(verdict_of(event(None, references=()), [], NOW), NotOurs)


@pytest.mark.parametrize(
    ("told", "outcome", "is_later"),
    [
        (operation("authorize", "declined"), "succeeded", True),
        (operation("capture", "refused"), "succeeded", True),
        (operation("capture", "succeeded", excess=True), FEE_KNOWN, True),
        (operation("refund", "pending", compensates="ch_1:capture:1"), "succeeded", True),
        (operation("capture", "succeeded"), TAKEN_BACK, True),
        (operation("capture", "succeeded", fee_status="pending"), FEE_KNOWN, False),
        (operation("authorize", None), "succeeded", False),
        (operation("capture", "pending"), "succeeded", False),
    ],
)
def test_news_of_what_the_charge_has_gone_on_without(told: Operation, outcome: str, is_later: bool) -> None:  # noqa: FBT001
    """What is decided, and what undoes it, is of no concern to the charge's own process but for a fee that it waits for."""
    found = verdict_of(event(outcome, OperationKind(told.kind)), [told], NOW, anyway=True)
    assert isinstance(found, News)
    assert found.is_later is is_later
