"""Evidence of charges that ended, or wait, in the ways that tests plant defects in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from ledger.proofs.evidence import ChargeEvidence, Effect, EffectKind, Standing
from tests.prove.story import NOW, Story, more, with_charge, with_operation

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
