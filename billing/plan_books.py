"""Plans in the database: versions that are only added.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Sequence

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.calendar import Interval
from billing.errors import ChangeRefused, UnknownId
from billing.plans import Plan, PlanTerms
from billing.tables import plan_versions
from ledger.money import Money

MAX_LISTED = 1000
KIND = "plan"


async def add(connection: AsyncConnection, terms: PlanTerms, *, new_version: bool = False) -> tuple[Plan, bool]:
    """Write a plan down, or return the last version where it has these terms, and whether it is new.

    Other terms are another version, which has to be asked for: raises ChangeRefused otherwise.
    """
    last = await _last(connection, terms.plan_id)
    if last is not None and last[1] == terms.content_hash():
        return last[0], False
    if last is not None and not new_version:
        raise ChangeRefused(
            KIND, terms.plan_id, "it exists with other terms: add them as a new version, or use another id"
        )
    version = 1 if last is None else last[0].version + 1
    values = {
        **terms.model_dump(include={"plan_id", "name", "trial_days", "earns_to"}),
        "version": version,
        "request_hash": terms.content_hash(),
        "amount_minor": terms.amount.amount_minor,
        "currency": terms.amount.currency,
        "interval_unit": terms.interval.unit,
        "interval_count": terms.interval.count,
        "created_by": terms.actor,
    }
    statement = insert(plan_versions).values(values).on_conflict_do_nothing().returning(plan_versions)
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        # Somebody else wrote this very version meanwhile: it is the last one now.
        return await add(connection, terms, new_version=new_version)
    return _plan(row), True


async def known(connection: AsyncConnection, plan_id: str, version: int | None = None) -> Plan:
    """Read a version of a plan, the last one where none is given; raises UnknownId."""
    statement = select(plan_versions).where(plan_versions.c.plan_id == plan_id)
    if version is not None:
        statement = statement.where(plan_versions.c.version == version)
    statement = statement.order_by(plan_versions.c.version.desc()).limit(1)
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        raise UnknownId(KIND, plan_id if version is None else f"{plan_id} version {version}")
    return _plan(row)


async def versions(connection: AsyncConnection, plan_id: str) -> Sequence[Plan]:
    """List all versions of a plan, the last one first; raises UnknownId."""
    statement = select(plan_versions).where(plan_versions.c.plan_id == plan_id)
    statement = statement.order_by(plan_versions.c.version.desc()).limit(MAX_LISTED)
    found = [_plan(row) for row in (await connection.execute(statement)).mappings()]
    if not found:
        raise UnknownId(KIND, plan_id)
    return found


async def find(connection: AsyncConnection, *, limit: int = 100) -> Sequence[Plan]:
    """List plans by their last versions; never more than 1,000."""
    order = plan_versions.c.plan_id, plan_versions.c.version.desc()
    statement = (
        select(plan_versions).ext(distinct_on(plan_versions.c.plan_id)).order_by(*order).limit(min(limit, MAX_LISTED))
    )
    return [_plan(row) for row in (await connection.execute(statement)).mappings()]


async def _last(connection: AsyncConnection, plan_id: str) -> tuple[Plan, str] | None:
    statement = select(plan_versions).where(plan_versions.c.plan_id == plan_id)
    statement = statement.order_by(plan_versions.c.version.desc()).limit(1)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None else (_plan(row), row["request_hash"])


def _plan(row: RowMapping) -> Plan:
    return Plan(
        plan_id=row["plan_id"],
        version=row["version"],
        name=row["name"],
        amount=Money(amount_minor=row["amount_minor"], currency=row["currency"]),
        interval=Interval(unit=row["interval_unit"], count=row["interval_count"]),
        trial_days=row["trial_days"],
        earns_to=row["earns_to"],
        actor=row["created_by"],
        created_at=row["created_at"],
    )
