"""Defects, each planted in otherwise sound evidence, with the one code under which it must be found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ledger.proofs.evidence import ChargeEvidence, EffectKind, EntryRow, LineRow, Standing
from ledger.proofs.findings import Code
from tests.prove.evidence import (
    AUTHORIZE,
    CAPTURE,
    REFUND,
    captured,
    decided_long_ago,
    declined,
    disputed,
    held,
    manual,
    payment,
    refunded,
    twice_charged,
    voided,
)
from tests.prove.story import NOW, Story, entry, more, with_charge, with_effect, with_entry, with_operation

DISPUTED = "ch_1:capture:1:dispute:dp_ch_1"
LONG_AGO = NOW - timedelta(days=40)


def unbalanced(each: EntryRow) -> EntryRow:
    """The credit side was changed."""
    first, *rest = each.lines
    return replace(each, lines=[first, rest[0]._replace(amount_minor=rest[0].amount_minor + 1), *rest[1:]])


def without_a_line(each: EntryRow) -> EntryRow:
    """A line was deleted."""
    return replace(each, lines=each.lines[:1])


def on_another_account(each: EntryRow, account: str) -> EntryRow:
    """Money was booked to another account."""
    first, *rest = each.lines
    return replace(each, lines=[first._replace(account=account), *rest])


def stray(*lines: tuple[str, int]) -> EntryRow:
    """An entry of the charge's capture beside its own."""
    return entry("ch_1:capture:1:extra", "ch_1:capture:1", "ch_1", "USD", *lines)


PLANTED: list[tuple[Code, str, Callable[[], ChargeEvidence]]] = [
    (
        Code.EFFECT_UNEXPLAINED,
        "a refund that nobody asked for",
        lambda: more(captured(), replace(refunded().effects[1], operation_id=None)),
    ),
    (
        Code.EFFECT_UNEXPLAINED,
        "a payment under a name that the books do not have",
        lambda: more(voided(), payment("ch_1:capture:7")),
    ),
    (Code.EFFECT_MISSING, "booked, not at the gateway", lambda: replace(captured(), effects=())),
    (
        Code.EFFECT_MISSING,
        "booked, still pending at the gateway",
        lambda: with_effect(refunded(), REFUND, standing=Standing.PENDING),
    ),
    (
        Code.EFFECT_MISSING,
        "its row says succeeded, and nothing else does",
        lambda: replace(Story().capture(fee=0).evidence(), effects=(), entries=()),
    ),
    (
        Code.EFFECT_MISSING,
        "an entry of a declined operation",
        lambda: more(declined(), *captured().entries[:1]),
    ),
    (
        Code.EFFECT_DOUBLED,
        "two payments under one operation",
        lambda: more(captured(), payment("ch_1:capture:1")),
    ),
    (
        Code.EFFECT_DOUBLED,
        "two refunds under one operation",
        lambda: more(refunded(), replace(refunded().effects[1], reference="re_9")),
    ),
    (Code.CHARGE_DOUBLED, "two attempts succeeded", twice_charged),
    (
        Code.DECLINED_BUT_TAKEN,
        "declined, and the gateway has the money",
        lambda: more(declined(), *captured().effects),
    ),
    (
        Code.DECLINED_BUT_TAKEN,
        "a refund that was refused, and made",
        lambda: more(refunded(outcome="declined"), refunded().effects[1]),
    ),
    (
        Code.OUTCOME_DIFFERS,
        "taken and booked, and its row says declined",
        lambda: with_operation(captured(), "capture", outcome="declined"),
    ),
    (
        Code.OUTCOME_DIFFERS,
        "refused, and the gateway still works on it",
        lambda: more(declined(), replace(captured().effects[0], standing=Standing.PENDING)),
    ),
    (
        Code.AMOUNT_DIFFERS,
        "the gateway took more",
        lambda: with_effect(captured(), CAPTURE, amount_minor=5001),
    ),
    (
        Code.AMOUNT_DIFFERS,
        "the gateway took another currency",
        lambda: with_effect(captured(), CAPTURE, currency="EUR"),
    ),
    (
        Code.AMOUNT_DIFFERS,
        "less was booked",
        lambda: with_entry(
            captured(),
            "capture:1",
            lambda each: entry(
                each.reference, each.operation_id, "ch_1", "USD", ("clearing:stripe", 4000), ("a:b", -4000)
            ),
        ),
    ),
    (
        Code.REFUND_RETURNED,
        "a refund came back, and the books do not know",
        lambda: with_effect(refunded(), REFUND, standing=Standing.FAILED),
    ),
    (Code.FEE_DIFFERS, "another fee", lambda: with_effect(captured(), CAPTURE, fee_minor=174)),
    (
        Code.FEE_DIFFERS,
        "a fee that was not booked",
        lambda: with_operation(
            with_entry(captured(), ":fee", lambda _: None),
            "capture",
            fee_minor=None,
            fee_currency=None,
            fee_status="none",
        ),
    ),
    (
        Code.FEE_DIFFERS,
        "a fee that was booked and not reported",
        lambda: with_effect(captured(), CAPTURE, fee_minor=None),
    ),
    (
        Code.FEE_DIFFERS,
        "a fee of a declined charge",
        lambda: more(declined(), *captured().entries[1:]),
    ),
    (
        Code.FEE_MISSING,
        "not reported for more than a day",
        lambda: with_operation(
            with_effect(Story().capture(fee=0).evidence(), CAPTURE, fee_minor=None),
            "capture",
            fee_status="pending",
            decided_at=NOW - timedelta(hours=25),
        ),
    ),
    (
        Code.MOVEMENT_UNEXPLAINED,
        "an adjustment",
        lambda: more(captured(), replace(payment(), kind=EffectKind.MOVEMENT, description="adjustment")),
    ),
    (
        Code.WITHDRAWAL_MISSING,
        "a dispute that nobody has heard of",
        lambda: more(captured(), disputed().effects[-1]),
    ),
    (
        Code.WITHDRAWAL_DIFFERS,
        "a dispute that was won, and is open in the books",
        lambda: more(disputed(), disputed("won", returned=5000).effects[-1]),
    ),
    (
        Code.WITHDRAWAL_DIFFERS,
        "a dispute that the gateway does not show",
        lambda: replace(disputed(), effects=disputed().effects[:-1]),
    ),
    (
        Code.WITHDRAWAL_DIFFERS,
        "a fee that was not booked",
        lambda: with_entry(disputed(), "fee", lambda each: None if "dispute" in each.reference else each),
    ),
    (
        Code.WITHDRAWAL_DIFFERS,
        "booked twice",
        lambda: replace(
            disputed(),
            entries=(*disputed().entries, replace(disputed().entries[-2], reference=f"{DISPUTED}:7")),
        ),
    ),
    (
        Code.ENTRY_UNEXPLAINED,
        "an entry of a dispute that there is not",
        lambda: replace(disputed(), withdrawals=(), effects=disputed().effects[:-1]),
    ),
    (
        Code.STATUS_DIFFERS,
        "a charge that is disputed, and says captured",
        lambda: with_charge(disputed(), status="captured"),
    ),
    (
        Code.STATUS_DIFFERS,
        "a charge that was taken back, and says disputed",
        lambda: with_charge(disputed("lost"), status="disputed"),
    ),
    (
        Code.COUNTER_DIFFERS,
        "a row that has nothing taken back",
        lambda: with_charge(disputed(), withdrawn_minor=0),
    ),
    (
        Code.ENTRY_MISSING,
        "succeeded, not booked",
        lambda: replace(captured(), entries=()),
    ),
    (
        Code.ENTRY_MISSING,
        "a void without its release",
        lambda: with_entry(voided(), "void:1", lambda _: None),
    ),
    (
        Code.ENTRY_MISSING,
        "under way for long, and taken",
        lambda: replace(
            with_operation(
                Story(at=NOW - timedelta(minutes=20)).intend().evidence(), "capture", payment_reference="pay_ch_1"
            ),
            effects=captured().effects,
        ),
    ),
    (
        Code.ENTRY_MISSING,
        "unknown to us for hours, known to the gateway, and parked",
        lambda: with_charge(more(Story().unknown().evidence(), *captured().effects), status="needs_review"),
    ),
    (
        Code.ENTRY_MISSING,
        "pending for us, decided at the gateway hours ago",
        lambda: with_effect(decided_long_ago(), CAPTURE, changed_at=NOW - timedelta(hours=3)),
    ),
    (
        Code.ENTRY_DOUBLED,
        "booked twice",
        lambda: more(captured(), stray(("clearing:stripe", 5000), ("revenue:sales", -5000))),
    ),
    (
        Code.ENTRY_UNEXPLAINED,
        "an entry of an operation that does not exist",
        lambda: more(
            captured(), entry("ch_1:capture:2", "ch_1:capture:2", "ch_1", "USD", ("clearing:stripe", 1), ("a:b", -1))
        ),
    ),
    (
        Code.ENTRY_UNEXPLAINED,
        "an entry that moves clearing and names no operation",
        lambda: more(captured(), entry("manual-1", None, "ch_1", "USD", ("clearing:stripe", 1), ("a:b", -1))),
    ),
    (
        Code.ENTRY_MISNAMED,
        "posted under a name of its own",
        lambda: with_entry(captured(), "capture:1", lambda each: replace(each, reference="capture of ch_1")),
    ),
    (Code.ENTRY_UNBALANCED, "the credit was changed", lambda: with_entry(captured(), "capture:1", unbalanced)),
    (
        Code.ENTRY_UNBALANCED,
        "a memo account against a real one",
        lambda: more(captured(), stray(("memo:note:a", 100), ("revenue:sales", -100))),
    ),
    (Code.ENTRY_ALTERED, "a line was deleted", lambda: with_entry(captured(), "capture:1", without_a_line)),
    (
        Code.ENTRY_ALTERED,
        "the stored totals are others",
        lambda: with_entry(captured(), ":fee", lambda each: replace(each, totals={"USD": 1})),
    ),
    (
        Code.AUTHORIZATION_LEFT_OPEN,
        "voided in the books only",
        lambda: with_effect(voided(), AUTHORIZE, standing=Standing.HELD),
    ),
    (
        Code.AUTHORIZATION_LEFT_OPEN,
        "captured in part, and the rest is still held",
        lambda: with_effect(manual("paypal"), AUTHORIZE, standing=Standing.HELD),
    ),
    (
        Code.AUTHORIZATION_LOST,
        "voided in the dashboard",
        lambda: with_effect(held(), AUTHORIZE, standing=Standing.RELEASED),
    ),
    (
        Code.LIMIT_EXCEEDED,
        "more refunded than captured",
        lambda: with_charge(
            Story().capture().refund(3000).refund(3000).evidence(), refunded_minor=5000, refund_reserved_minor=0
        ),
    ),
    (
        Code.COUNTER_DIFFERS,
        "the row says less was refunded",
        lambda: with_charge(refunded(), refunded_minor=1000),
    ),
    (
        Code.COUNTER_DIFFERS,
        "the row reserves a refund that nobody asked for",
        lambda: with_charge(captured(), refund_reserved_minor=5),
    ),
    (Code.STATUS_DIFFERS, "captured, called declined", lambda: with_charge(captured(), status="declined")),
    (Code.STATUS_DIFFERS, "declined, called processing", lambda: with_charge(declined(), status="processing")),
    (Code.STATUS_DIFFERS, "captured in part, called captured", lambda: with_charge(manual(), status="captured")),
    (
        Code.CLEARING_DIFFERS,
        "booked at another gateway",
        lambda: with_entry(captured(), "capture:1", lambda each: on_another_account(each, "clearing:paypal")),
    ),
    (
        Code.CLEARING_DIFFERS,
        "a clearing line that does not carry the charge",
        lambda: with_entry(
            captured(),
            "capture:1",
            lambda each: replace(each, lines=[LineRow(*each.lines[0][:4], None), *each.lines[1:]]),
        ),
    ),
    (
        Code.AUTHORIZATIONS_DIFFER,
        "captured without releasing the authorization",
        lambda: with_entry(manual(), ":released", lambda _: None),
    ),
    (
        Code.UNRESOLVED_DIFFERS,
        "the exposure was not booked",
        lambda: replace(Story().unknown().evidence(), entries=()),
    ),
    (
        Code.UNRESOLVED_DIFFERS,
        "the exposure was not taken away",
        lambda: more(captured(), stray(("memo:unresolved:stripe", 1), ("memo:unresolved:contra", -1))),
    ),
    (
        Code.REFUNDS_PAYABLE_DIFFER,
        "the reservation was not booked",
        lambda: with_entry(refunded(outcome="pending"), ":reserved", lambda _: None),
    ),
    (
        Code.OPERATION_STUCK,
        "no outcome for an hour",
        lambda: Story(at=NOW - timedelta(hours=1)).intend().evidence(),
    ),
    (
        Code.OPERATION_STUCK,
        "unknown for more than a day, and not parked",
        lambda: Story(at=NOW - timedelta(hours=25)).unknown().evidence(),
    ),
    (
        Code.OPERATION_STUCK,
        "a refund pending for more than a month",
        lambda: with_operation(refunded(outcome="pending"), "refund", requested_at=LONG_AGO),
    ),
    (
        Code.OPERATION_STUCK,
        "a capture pending for more than a fortnight",
        lambda: with_charge(
            with_operation(Story(at=NOW - timedelta(days=16)).intend().evidence(), "capture", outcome="pending"),
            status="pending",
        ),
    ),
    (
        Code.OPERATION_STUCK,
        "a refund under way for an hour",
        lambda: with_operation(refunded(outcome=None), "refund", requested_at=NOW - timedelta(hours=1)),
    ),
    (
        Code.CHARGE_STUCK,
        "no deadline",
        lambda: with_charge(held(), authorization_expires_at=None),
    ),
    (
        Code.CHARGE_STUCK,
        "the authorization should have lapsed",
        lambda: with_charge(held(), authorization_expires_at=NOW - timedelta(hours=2)),
    ),
]
