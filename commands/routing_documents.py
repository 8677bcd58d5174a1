"""What the routing commands print with `--json`."""

from datetime import UTC, datetime

from commands.documents import Document
from gateways.routing.decision import RoutingDecision
from gateways.routing.policy import Policies, Policy
from gateways.routing.replay import ReplayReport


class EditionDocument(Document):
    """An edition of a policy file."""

    version: str
    effective_from: datetime
    in_force: bool
    rules: list[str]
    fallback_order: list[str]
    gateways: list[str]
    reads_outcomes: bool


class CandidateDocument(Document):
    """A gateway that was looked at."""

    gateway: str
    eligible: bool
    why_not: str | None
    scores: dict[str, int | float]


class DecisionDocument(Document):
    """A routing decision."""

    gateway: str
    reason: str
    rule: str | None
    strategy: str
    policy_version: str
    attempt: int
    candidates: list[CandidateDocument]
    exploration: bool
    probe: bool


class ReplayedDocument(Document):
    """A charge under two policies."""

    charge_id: str
    amount_minor: int
    currency: str
    chosen: str
    would_choose: str | None
    reason: str
    chosen_fee_minor: int | None
    would_fee_minor: int | None
    chosen_success: float | None
    would_success: float | None


class FeesDocument(Document):
    """Expected fees of one currency."""

    currency: str
    charges: int
    amount_minor: int
    chosen_fee_minor: int
    would_fee_minor: int


class ReplayDocument(Document):
    """A replay."""

    policy_version: str
    charges: int
    same: int
    different: int
    nowhere: int
    chosen: dict[str, int]
    would_choose: dict[str, int]
    fees: list[FeesDocument]
    success_charges: int
    chosen_success: float | None
    would_success: float | None
    replayed: list[ReplayedDocument]


def of_policies(policies: Policies, now: datetime) -> list[EditionDocument]:
    """Show the editions of a file; exactly one is in force."""
    in_force = policies.at(now)
    return [_of_edition(edition, in_force) for edition in policies.editions]


def _of_edition(edition: Policy, in_force: Policy) -> EditionDocument:
    return EditionDocument(
        version=edition.version,
        effective_from=edition.effective_from.astimezone(UTC),
        in_force=edition is in_force,
        rules=[rule.name for rule in edition.rules],
        fallback_order=list(edition.fallback_order),
        gateways=list(edition.gateways),
        reads_outcomes=edition.reads_outcomes,
    )


def of_decision(decision: RoutingDecision) -> DecisionDocument:
    """Show a decision."""
    return DecisionDocument.model_validate(decision.model_dump())


def of_replay(report: ReplayReport) -> ReplayDocument:
    """Show a replay."""
    return ReplayDocument.model_validate(report.model_dump())
