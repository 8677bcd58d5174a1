"""Each kind of finding: planted once in otherwise sound evidence, it is found, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.proofs.evidence import ChargeEvidence, Effect, EffectKind, EntryRow, LineRow, Standing
from ledger.proofs.findings import Code, NoteCode
from ledger.proofs.join import examine
from tests.prove.story import (
    NOW,
    Story,
    entry,
    more,
    with_charge,
    with_effect,
    with_entry,
    with_operation,
)

LONG_AGO = NOW - timedelta(days=40)
GATEWAYS = ("stripe", "paypal")
CAPTURE, REFUND, AUTHORIZE = EffectKind.CAPTURE, EffectKind.REFUND, EffectKind.AUTHORIZE


def captured(gateway: str = "stripe") -> ChargeEvidence:
    """A charge that was captured at once."""
    return Story(gateway=gateway).capture().evidence()


def refunded(gateway: str = "stripe", outcome: str | None = "succeeded") -> ChargeEvidence:
    """A charge of which 20.00 were refunded, or are being refunded."""
    return Story(gateway=gateway).capture().refund(2000, outcome).evidence()


def held(gateway: str = "stripe") -> ChargeEvidence:
    """A charge that waits to be captured."""
    return Story(gateway=gateway).authorize().evidence()


def voided(gateway: str = "stripe") -> ChargeEvidence:
    """A charge whose authorization was voided."""
    return Story(gateway=gateway).authorize().void().evidence()


def manual(gateway: str = "stripe", amount: int = 3000) -> ChargeEvidence:
    """A charge that was authorized, and captured in part."""
    return Story(gateway=gateway).authorize().capture(amount).evidence()


def declined(gateway: str = "stripe") -> ChargeEvidence:
    """A charge that was declined."""
    return Story(gateway=gateway).decline().evidence()


def payment(name: str | None = None, **changes: object) -> Effect:
    """Another payment of the same charge at the gateway."""
    story = Story()
    story.effect(CAPTURE, Standing.DONE, 5000, name, "pay_2", payment_reference="pay_2", **changes)
    return story.effects[0]


def twice_charged() -> ChargeEvidence:
    """Two attempts of one charge succeeded, and each was booked."""
    story = Story().capture()
    name = story.operation("capture", 5000, outcome="succeeded", gateway_reference="pay_2", payment_reference="pay_2")
    story.effects.append(payment(name))
    story.post(name, "", ("clearing:stripe", 5000), ("revenue:sales", -5000))
    return story.evidence()


def decided_long_ago() -> ChargeEvidence:
    """A capture that has been pending for days, and has been decided at the gateway since."""
    evidence = Story(at=NOW - timedelta(days=3)).intend().evidence()
    evidence = with_charge(with_operation(evidence, "capture", outcome="pending"), status="pending")
    return more(evidence, replace(captured().effects[0], occurred_at=NOW - timedelta(days=3)))


def fenced_off(**changes: Any) -> ChargeEvidence:
    """A charge whose customer did not authenticate in time, so that its payment was voided before anything was held."""
    story = Story(at=NOW - timedelta(days=3))
    story.operation("capture", 5000, outcome="action_required")
    story.operation("void", 5000, outcome="succeeded")
    return with_charge(story.evidence(), status="expired", **changes)


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
        "a refund made in the dashboard",
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
        "a dispute",
        lambda: more(captured(), replace(payment(), kind=EffectKind.MOVEMENT, description="dispute")),
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

NOT_OF_A_CHARGE = {Code.TRIAL_BALANCE_DIFFERS}


@pytest.mark.parametrize(
    ("code", "plant"), [pytest.param(code, plant, id=f"{code}: {words}") for code, words, plant in PLANTED]
)
def test_a_planted_defect_is_found_and_nothing_else(code: Code, plant: Callable[[], ChargeEvidence]) -> None:
    """Whoever reads the findings sees the cause, by its code, and no alarm that follows from it."""
    found = examine(plant(), NOW).findings
    assert {finding.code for finding in found} == {code}, [finding.message for finding in found]


def test_every_kind_of_finding_is_planted() -> None:
    """No code exists that no defect leads to."""
    assert {code for code, _, _ in PLANTED} | NOT_OF_A_CHARGE == set(Code)


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("sound", [captured, refunded, held, voided, manual, declined])
def test_sound_evidence_has_no_finding(sound: Callable[[str], ChargeEvidence], gateway: str) -> None:
    """A proof that cries wolf is not read."""
    result = examine(sound(gateway), NOW)
    assert result.findings == ()
    assert result.notes == ()


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "declined", "pending", None])
def test_a_refund_may_end_in_any_way(outcome: str | None) -> None:
    """A refund that failed, also after it had succeeded, leaves the books in order."""
    assert examine(refunded(outcome=outcome), NOW).findings == ()


def test_a_payment_in_the_dashboard_charges_the_customer_twice() -> None:
    """Two payments for one charge are told as that, although only one of them is ours."""
    found = examine(more(captured(), payment("ch_1:capture:7")), NOW).findings
    assert {finding.code for finding in found} == {Code.EFFECT_UNEXPLAINED, Code.CHARGE_DOUBLED}


def test_a_second_payment_that_was_refunded_is_no_second_charge() -> None:
    """Once the customer has the money back, the finding can be settled."""
    evidence = twice_charged()
    story = Story(charge_id="ch_1")
    story.effect(REFUND, Standing.DONE, 5000, "ch_1:refund:1", "re_2", payment_reference="pay_2")
    found = examine(more(evidence, *story.effects), NOW).findings
    assert Code.CHARGE_DOUBLED not in {finding.code for finding in found}


def test_a_tampered_amount_shows_in_the_entry_and_beside_the_gateway() -> None:
    """Whoever changes both sides of an entry and its totals still cannot change what the gateway says."""

    def forged(each: EntryRow) -> EntryRow:
        lines = [line._replace(amount_minor=line.amount_minor + 1) for line in each.lines]
        return replace(each, lines=lines, totals={"USD": 5001})

    found = examine(with_entry(captured(), "capture:1", forged), NOW).findings
    assert [finding.code for finding in found] == [Code.AMOUNT_DIFFERS]


def test_nothing_is_read_out_of_an_entry_that_was_tampered_with() -> None:
    """One changed amount is one finding, and not also a booking of another amount."""

    def tampered(each: EntryRow) -> EntryRow:
        first, *rest = each.lines
        return replace(each, lines=[first._replace(amount_minor=1), *rest])

    found = examine(with_entry(captured(), "capture:1", tampered), NOW).findings
    assert [finding.code for finding in found] == [Code.ENTRY_ALTERED]


@pytest.mark.parametrize(
    ("plant", "note"),
    [
        (lambda: replace(Story().intend().evidence(), effects=captured().effects), NoteCode.IN_PROGRESS),
        (lambda: more(Story().unknown().evidence(), *captured().effects), NoteCode.IN_PROGRESS),
        (
            lambda: with_operation(
                with_effect(Story().capture(fee=0).evidence(), CAPTURE, fee_minor=None), "capture", fee_status="pending"
            ),
            NoteCode.FEE_PENDING,
        ),
        (
            lambda: with_operation(
                with_effect(Story().capture(fee=0).evidence(), CAPTURE, fee_minor=9, fee_currency="USD"),
                "capture",
                fee_status="pending",
            ),
            NoteCode.FEE_PENDING,
        ),
        (lambda: with_charge(captured(), status="needs_review"), NoteCode.NEEDS_REVIEW),
        (decided_long_ago, NoteCode.IN_PROGRESS),
        (
            lambda: with_effect(decided_long_ago(), CAPTURE, changed_at=NOW - timedelta(hours=1)),
            NoteCode.IN_PROGRESS,
        ),
        (
            lambda: with_charge(Story(at=NOW - timedelta(days=3)).unknown().evidence(), status="needs_review"),
            NoteCode.NEEDS_REVIEW,
        ),
    ],
)
def test_what_is_under_way_is_a_note_and_no_finding(plant: Callable[[], ChargeEvidence], note: NoteCode) -> None:
    """A charge that is being worked on right now gives no alarm."""
    result = examine(plant(), NOW)
    assert result.findings == ()
    assert [each.code for each in result.notes] == [note]


def test_a_payment_that_was_fenced_off_waits_for_nobody() -> None:
    """The authentication that was given up stays undecided for ever, and is no alarm."""
    assert examine(fenced_off(), NOW).findings == ()


@pytest.mark.parametrize("outcome", [None, "unknown"])
def test_an_authorization_that_is_just_being_voided_is_not_lost(outcome: str | None) -> None:
    """The gateway has released it before the books say so, for a moment or until an unknown outcome is known."""
    story = Story().authorize()
    name = story.operation("void", 5000, target_reference=story.hold, outcome=outcome)
    if outcome == "unknown":
        story.post(name, ":unknown", ("memo:unresolved:stripe", 5000), ("memo:unresolved:contra", -5000))
        story.status = "authorized"
    result = examine(with_effect(story.evidence(), AUTHORIZE, standing=Standing.RELEASED), NOW)
    assert result.findings == ()
    assert [note.code for note in result.notes] == [NoteCode.IN_PROGRESS]


def test_a_refund_that_names_only_its_capture_settles_a_second_charge() -> None:
    """PayPal's search names the capture that was given back, and not the order."""
    evidence = twice_charged()
    captures = [
        replace(each, payment_reference=None, reference=f"cap_{number}") for number, each in enumerate(evidence.effects)
    ]
    story = Story()
    story.effect(REFUND, Standing.DONE, 5000, None, "re_2", payment_reference=None, target_reference="cap_1")
    operations = [
        row._replace(payment_reference=None, gateway_reference=f"cap_{number}")
        for number, row in enumerate(evidence.operations)
    ]
    both = replace(evidence, operations=operations, effects=captures)
    assert Code.CHARGE_DOUBLED in {finding.code for finding in examine(both, NOW).findings}
    settled = replace(both, effects=[*captures, *story.effects])
    assert Code.CHARGE_DOUBLED not in {finding.code for finding in examine(settled, NOW).findings}


def test_nothing_is_concluded_from_a_gateway_that_could_not_be_read() -> None:
    """An outage of the gateway does not make every charge look as if its money were gone."""
    evidence = replace(captured(), effects=())
    assert examine(evidence, NOW, unread=frozenset({"stripe"})).findings == ()
    assert examine(evidence, NOW, unread=frozenset({"paypal"})).findings != ()


def test_an_effect_that_the_gateway_names_differently_joins_by_its_reference() -> None:
    """A capture of an authorization, which Stripe's PaymentIntent may not name, is still found to be ours."""
    assert examine(with_effect(manual(), CAPTURE, operation_id=None), NOW).findings == ()
