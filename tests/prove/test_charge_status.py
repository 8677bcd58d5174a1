"""Which states of a charge its operations allow."""

import pytest

from ledger.proofs.charge_checks import check_row
from ledger.proofs.evidence import ChargeEvidence
from ledger.proofs.findings import Code
from tests.prove.story import Story, with_charge

WAITING = {"processing", "requires_action", "pending", "unknown"}
GAVE_UP = {"voided", "expired"}
ALL = {*WAITING, *GAVE_UP, "authorized", "captured", "partially_captured", "declined", "needs_review"}


def told(*operations: tuple[str, str | None], held: int = 0, captured: int = 0) -> ChargeEvidence:
    """Make a charge of 50.00 whose operations came out so; those after an authorization act on it."""
    story = Story()
    for kind, outcome in operations:
        target = story.hold if any(row.kind == "authorize" for row in story.operations) else None
        amount = captured if kind == "capture" and captured else 5000
        story.operation(kind, amount, outcome=outcome, target_reference=target)
    return with_charge(story.evidence(), authorized_minor=held or captured, captured_minor=captured)


CASES: list[tuple[ChargeEvidence, set[str]]] = [
    (told(), set()),
    (told(("capture", None)), WAITING),
    (told(("capture", "unknown")), WAITING),
    (told(("capture", "declined")), {"declined"}),
    (told(("capture", "refused")), {"declined"}),
    (told(("capture", "succeeded"), captured=5000), {"captured"}),
    (told(("authorize", None)), WAITING),
    (told(("authorize", "declined")), {"declined"}),
    (told(("authorize", "succeeded"), held=5000), {"authorized"}),
    (told(("authorize", "succeeded"), ("capture", None), held=5000), {"authorized", *WAITING}),
    (told(("authorize", "succeeded"), ("capture", "succeeded"), held=5000, captured=5000), {"captured"}),
    (told(("authorize", "succeeded"), ("capture", "succeeded"), held=5000, captured=2000), {"partially_captured"}),
    (told(("authorize", "succeeded"), ("capture", "declined"), held=5000), {"authorized", *GAVE_UP}),
    (told(("authorize", "succeeded"), ("void", "refused"), held=5000), {"authorized", *GAVE_UP}),
    (told(("authorize", "succeeded"), ("void", "succeeded"), held=5000), GAVE_UP),
    (told(("authorize", "succeeded"), ("void", "unknown"), held=5000), {"authorized", *WAITING}),
    (told(("capture", "action_required"), ("void", "succeeded")), GAVE_UP),
]


@pytest.mark.parametrize(
    ("evidence", "allowed"), CASES, ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else ""
)
def test_a_status_follows_from_the_operations(evidence: ChargeEvidence, allowed: set[str]) -> None:
    """A charge is never in a state that nothing it did explains; what is parked for a person may be in any."""
    for status in ALL:
        found = {finding.code for finding in check_row(with_charge(evidence, status=status))}
        assert found == (set() if status in {*allowed, "needs_review"} else {Code.STATUS_DIFFERS}), status


def test_a_status_that_nobody_knows_is_found() -> None:
    """A state of a later version is not taken for right."""
    evidence = told(("capture", "succeeded"), captured=5000)
    assert [finding.code for finding in check_row(with_charge(evidence, status="settled"))] == [Code.STATUS_DIFFERS]
