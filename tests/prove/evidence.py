"""Evidence of charges that ended, or wait, in the ways that tests plant defects in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ledger.proofs.evidence import (
    Answer,
    ChargeEvidence,
    Effect,
    EffectKind,
    HistoryRow,
    ProcessRow,
    Sent,
    Standing,
)
from tests.prove.story import NOW, Story, more, with_charge, with_operation

CAPTURE, REFUND, AUTHORIZE = EffectKind.CAPTURE, EffectKind.REFUND, EffectKind.AUTHORIZE
LATE = {"payment_reference": "pay_late", "gateway_reference": "pay_late"}


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


def disputed(state: str = "open", gateway: str = "stripe", returned: int = 0) -> ChargeEvidence:
    """A charge that was captured, and disputed long ago."""
    story = Story(gateway=gateway, at=NOW - timedelta(hours=3)).capture()
    return story.withdraw(state, returned=returned).evidence()


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


def late_success(gateway: str = "stripe", at: timedelta = timedelta(hours=3)) -> Story:
    """The first attempt turned out to have succeeded after the second one had."""
    story = Story(gateway=gateway, at=NOW - at)
    name = story.operation("capture", 5000, outcome="succeeded", excess=True, **LATE)
    story.effect(CAPTURE, Standing.DONE, 5000, name, "pay_late", payment_reference="pay_late")
    story.post(name, "", (story.clearing, 5000), ("liability:refunds_payable", -5000))
    return story.capture()


def compensated(gateway: str = "stripe", outcome: str | None = "succeeded", amount: int = 5000) -> ChargeEvidence:
    """A late success that was given back, or is being given back."""
    story = late_success(gateway)
    late = {"payment_reference": "pay_late", "target_reference": "pay_late", "compensates": "ch_1:capture:1"}
    asked = {} if outcome is not None else {"requested_at": NOW - timedelta(minutes=3)}
    name = story.operation("refund", amount, outcome=outcome, gateway_reference="re_late", **late, **asked)
    if outcome == "succeeded":
        story.effect(REFUND, Standing.DONE, amount, name, "re_late", payment_reference="pay_late")
        story.post(name, "", ("liability:refunds_payable", amount), (story.clearing, -amount))
    return story.evidence()


def hold_in_excess(gateway: str = "stripe", *, released: bool = True) -> ChargeEvidence:
    """An authorization that was given up held money after all, and was voided."""
    story = Story(gateway=gateway, at=NOW - timedelta(hours=3))
    first = story.operation("authorize", 5000, outcome="succeeded", excess=True, **LATE)
    standing = Standing.RELEASED if released else Standing.HELD
    story.effect(AUTHORIZE, standing, 5000, first, "pay_late", payment_reference="pay_late")
    story.post(first, "", (story.memo, 5000), ("memo:authorizations:contra", -5000))
    if released:
        compensates = {"payment_reference": "pay_late", "target_reference": "pay_late", "compensates": first}
        void = story.operation("void", 5000, outcome="succeeded", **compensates)
        story.post(void, "", ("memo:authorizations:contra", 5000), (story.memo, -5000))
    return story.authorize().evidence()


def lapsed_in_excess(gateway: str = "stripe") -> ChargeEvidence:
    """An authorization that was given up held money after all, and had ended by itself when it was to be voided."""
    story = Story(gateway=gateway, at=NOW - timedelta(hours=3))
    first = story.operation("authorize", 5000, outcome="succeeded", excess=True, **LATE)
    story.effect(AUTHORIZE, Standing.RELEASED, 5000, first, "pay_late", payment_reference="pay_late")
    story.post(first, "", (story.memo, 5000), ("memo:authorizations:contra", -5000))
    compensates = {"payment_reference": "pay_late", "target_reference": "pay_late", "compensates": first}
    story.operation("void", 5000, outcome="refused", decline_code="authorization_expired", **compensates)
    story.post(first, ":released", ("memo:authorizations:contra", 5000), (story.memo, -5000))
    return story.authorize().evidence()


def over_two_gateways(gateway: str = "stripe") -> ChargeEvidence:
    """An attempt without effect at one gateway, and one that succeeded at the other."""
    story = Story(gateway=gateway)
    other = "paypal" if gateway == "stripe" else "stripe"
    story.operation(
        "capture", 5000, outcome="refused", decline_code="no_effect", gateway=other, payment_reference="p_0"
    )
    return story.capture().evidence()


def canceled(gateway: str = "stripe") -> ChargeEvidence:
    """A charge that was called off before anything was taken."""
    story = Story(gateway=gateway)
    story.operation("capture", 5000, outcome="refused", decline_code="canceled")
    return with_charge(story.evidence(), status="canceled")


def all_given_back(gateway: str = "stripe") -> ChargeEvidence:
    """A charge that was called off after it was captured."""
    return with_charge(Story(gateway=gateway).capture().refund(5000).evidence(), status="refunded")


def process(name: str = "charge/ch_1", status: str = "completed", **said: Any) -> ProcessRow:
    """A process, with what it `sent` and `told`."""
    sent = tuple(Sent(each, each.split(":")[1], "stripe") for each in said.get("sent", ()))
    answers = tuple(Answer(told, 5000, said.get("captured", 5000)) for told in said.get("told", ()))
    return ProcessRow(name, status, NOW - timedelta(hours=1), None, HistoryRow("ch_1", sent, answers))


def followed(evidence: ChargeEvidence, *processes: ProcessRow) -> ChargeEvidence:
    """Evidence that Temporal was read for."""
    return replace(evidence, processes=processes)
