"""Defects of attempts, of what was in excess, and of processes: as in `tests.prove.defects`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ledger.proofs.evidence import ChargeEvidence
from ledger.proofs.findings import Code
from tests.prove.evidence import (
    captured,
    compensated,
    followed,
    held,
    hold_in_excess,
    late_success,
    process,
    refunded,
)
from tests.prove.story import NOW, Story, with_charge, with_operation

UNDER_WAY = Story(at=NOW - timedelta(minutes=5)).intend().evidence


def effect_after_all() -> ChargeEvidence:
    """An attempt was taken for one without effect, and its gateway has the money."""
    evidence = with_operation(captured(), "capture", outcome="refused", decline_code="no_effect", fee_minor=None)
    return with_charge(replace(evidence, entries=()), status="declined", authorized_minor=0, captured_minor=0)


PLANTED: list[tuple[Code, str, Callable[[], ChargeEvidence]]] = [
    (Code.EXCESS_KEPT, "nothing gives it back", lambda: late_success().evidence()),
    (Code.EXCESS_KEPT, "what gives it back was declined", lambda: compensated(outcome="declined")),
    (Code.EXCESS_KEPT, "only some of it was given back", lambda: compensated(amount=4000)),
    (
        Code.EXCESS_KEPT,
        "an authorization that nothing releases",
        lambda: hold_in_excess(released=False),
    ),
    (
        Code.CHARGE_DOUBLED,
        "a second attempt succeeded, and nobody calls it in excess",
        lambda: with_charge(
            with_operation(late_success().evidence(), "capture", excess=False),
            captured_minor=5000,
        ),
    ),
    (
        Code.COUNTER_DIFFERS,
        "what was in excess was counted",
        lambda: with_charge(compensated(), amount_minor=10_000, authorized_minor=10_000, captured_minor=10_000),
    ),
    (
        Code.REFUNDS_PAYABLE_DIFFER,
        "what was in excess was booked as revenue",
        lambda: replace(
            late := late_success(at=timedelta(minutes=10)).evidence(),
            entries=[
                replace(each, lines=[each.lines[0], each.lines[1]._replace(account="revenue:sales")])
                if each.reference == "ch_1:capture:1"
                else each
                for each in late.entries
            ],
        ),
    ),
    (
        Code.STATUS_DIFFERS,
        "called refunded, and kept",
        lambda: with_charge(refunded(), status="refunded"),
    ),
    (Code.STATUS_DIFFERS, "called canceled, and captured", lambda: with_charge(captured(), status="canceled")),
    (
        Code.DECLINED_BUT_TAKEN,
        "an attempt taken for one without effect had one",
        effect_after_all,
    ),
    (
        Code.CHARGE_STUCK,
        "nobody confirmed it, and it was not undone",
        lambda: with_charge(captured(), confirm_by=NOW - timedelta(hours=2)),
    ),
    (
        Code.OPERATION_ORPHANED,
        "its process was terminated",
        lambda: followed(UNDER_WAY(), process(status="terminated", sent=["ch_1:capture:1"])),
    ),
    (Code.OPERATION_ORPHANED, "there is no process", lambda: followed(UNDER_WAY())),
    (
        Code.OPERATION_ORPHANED,
        "a refund that nobody follows",
        lambda: followed(with_operation(refunded(outcome="pending"), "refund", refund_id="r_1"), process()),
    ),
    (
        Code.CHARGE_STUCK,
        "held, and nobody waits for the capture",
        lambda: followed(held(), process(status="terminated")),
    ),
    (
        Code.OPERATION_UNRECORDED,
        "sent, and not in the books",
        lambda: followed(captured(), process(sent=["ch_1:capture:1", "ch_1:refund:1"])),
    ),
    (Code.ANSWER_DIFFERS, "told declined", lambda: followed(captured(), process(told=["declined"]))),
    (Code.ANSWER_DIFFERS, "told another amount", lambda: followed(captured(), process(told=["captured"], captured=1))),
    (
        Code.ANSWER_DIFFERS,
        "shown as voided by a process that was not read",
        lambda: followed(captured(), process()._replace(shown_status="voided", history=None)),
    ),
    (
        Code.ANSWER_DIFFERS,
        "a refund told as made, and declined in the books",
        lambda: followed(
            with_operation(refunded(outcome="declined"), "refund", refund_id="r_1"),
            process("refund/r_1", told=["succeeded"]),
        ),
    ),
]
