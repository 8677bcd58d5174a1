"""The documents of the `plans` commands with `--json`."""

from datetime import datetime

from billing.plans import Plan
from commands.documents import Document


class PlanDocument(Document):
    """A version of a plan."""

    plan_id: str
    version: int
    name: str
    amount_minor: int
    currency: str
    interval_unit: str
    interval_count: int
    trial_days: int
    earns_to: str
    created_at: datetime
    created_by: str


def of_plan(plan: Plan) -> PlanDocument:
    """Show a version of a plan."""
    same = ("plan_id", "version", "name", "trial_days", "earns_to", "created_at")
    return PlanDocument(
        **{name: getattr(plan, name) for name in same},
        **plan.amount.model_dump(),
        interval_unit=plan.interval.unit,
        interval_count=plan.interval.count,
        created_by=plan.actor,
    )
