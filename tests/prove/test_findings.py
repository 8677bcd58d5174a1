"""Each kind of finding: planted once in otherwise sound evidence, it is found, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.proofs.evidence import ChargeEvidence, EntryRow, ProcessRow, Standing
from ledger.proofs.findings import Code, Finding, NoteCode
from ledger.proofs.invariants import BROKEN_BY, Invariant, count
from ledger.proofs.join import examine
from tests.prove import process_defects
from tests.prove.defects import PLANTED
from tests.prove.evidence import (
    AUTHORIZE,
    CAPTURE,
    REFUND,
    all_given_back,
    canceled,
    captured,
    compensated,
    decided_long_ago,
    declined,
    fenced_off,
    followed,
    held,
    hold_in_excess,
    lapsed_in_excess,
    late_success,
    manual,
    over_two_gateways,
    payment,
    process,
    refunded,
    twice_charged,
    voided,
)
from tests.prove.story import NOW, Story, more, with_charge, with_effect, with_entry, with_operation

GATEWAYS = ("stripe", "paypal")

ALL_PLANTED = PLANTED + process_defects.PLANTED
NOT_OF_A_CHARGE = {Code.TRIAL_BALANCE_DIFFERS, Code.HISTORY_DIFFERS, Code.SEALS_DIFFER}


@pytest.mark.parametrize(
    ("code", "plant"), [pytest.param(code, plant, id=f"{code}: {words}") for code, words, plant in ALL_PLANTED]
)
def test_a_planted_defect_is_found_and_nothing_else(code: Code, plant: Callable[[], ChargeEvidence]) -> None:
    """Whoever reads the findings sees the cause, by its code, and no alarm that follows from it."""
    found = examine(plant(), NOW).findings
    assert {finding.code for finding in found} == {code}, [finding.message for finding in found]


def test_every_kind_of_finding_is_planted() -> None:
    """No code exists that no defect leads to."""
    assert {code for code, _, _ in ALL_PLANTED} | NOT_OF_A_CHARGE == set(Code)


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    "sound",
    [
        captured,
        refunded,
        held,
        voided,
        manual,
        declined,
        compensated,
        hold_in_excess,
        lapsed_in_excess,
        over_two_gateways,
        canceled,
        all_given_back,
    ],
)
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


def test_what_is_in_excess_may_be_on_its_way_back() -> None:
    """From the late success to the compensation, and while that is under way, it is a note at most."""
    fresh = examine(late_success(at=timedelta(minutes=10)).evidence(), NOW)
    assert (fresh.findings, [note.code for note in fresh.notes]) == ((), [NoteCode.IN_PROGRESS])
    assert examine(compensated(outcome=None), NOW).findings == ()


@pytest.mark.parametrize(
    ("evidence", "processes"),
    [
        (captured(), [process(told=["captured"], sent=["ch_1:capture:1"])]),
        (captured(), []),
        (all_given_back(), [process(told=["captured"])]),
        (with_charge(captured(), status="needs_review"), [process(told=["captured"])]),
        (held(), [process(status="running", told=["authorized"])]),
        (Story(at=NOW - timedelta(minutes=5)).intend().evidence(), [process(status="running")]),
        (Story(at=NOW - timedelta(seconds=20)).intend().evidence(), []),
        (compensated(outcome=None), [process(), process("reconcile/ch_1", "running")]),
        (
            with_operation(refunded(outcome="pending"), "refund", refund_id="r_1"),
            [process(), process("refund/r_1", told=["needs_review"])],
        ),
        (
            with_operation(refunded(outcome="failed"), "refund", refund_id="r_1"),
            [process("refund/r_1", told=["succeeded"])],
        ),
    ],
)
def test_what_processes_may_say(evidence: ChargeEvidence, processes: list[ProcessRow]) -> None:
    """A process that Temporal forgot, a later fact, a wait that is followed: none is an alarm."""
    assert examine(followed(evidence, *processes), NOW).findings == ()


def test_every_finding_breaks_an_invariant() -> None:
    """The counts by invariant leave no finding out, and say of each what it is about."""
    assert set(BROKEN_BY) == set(Code)
    counts = count(
        [Finding(code=Code.FEE_DIFFERS, message="")],
        {"effects": 7},
        {Invariant.I8: "no seals", Invariant.I9: "not read"},
    )
    by_name = {each.invariant: each for each in counts}
    assert set(by_name) == set(Invariant)
    assert (by_name[Invariant.I1].state, by_name[Invariant.I1].checked, by_name[Invariant.I1].failed) == (
        "broken",
        7,
        1,
    )
    assert (by_name[Invariant.I8].state, by_name[Invariant.I8].why_not) == ("not_checked", "no seals")
    assert by_name[Invariant.I9].state == "not_checked"
    assert (by_name[Invariant.I2].state, by_name[Invariant.I2].why_not) == ("kept", None)
