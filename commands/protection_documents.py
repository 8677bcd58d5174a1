"""The document of `ledger protection --json`: what an auditor keeps as evidence of who could do what at that moment."""

from datetime import UTC, datetime

from commands.documents import Document
from ledger.protection.guards import STATES
from ledger.protection.report import Report


class FaultDocument(Document):
    """A fault of the protection."""

    subject: str
    what: str
    remedy: str


class RoleDocument(Document):
    """A role of the database."""

    role: str
    may_log_in: bool
    is_superuser: bool
    member_of: list[str]


class GrantDocument(Document):
    """A right of a role."""

    role: str
    object: str
    privilege: str


class GuardDocument(Document):
    """A trigger that guards a table."""

    table: str
    trigger: str
    state: str


class ProtectionDocument(Document):
    """The report."""

    is_protected: bool
    read_at: datetime
    database: str
    read_as: str
    schema_version: str | None
    faults: list[FaultDocument]
    settings: dict[str, str]
    roles: list[RoleDocument]
    grants: list[GrantDocument]
    guards: list[GuardDocument]


def of_report(report: Report) -> ProtectionDocument:
    """Show what was found."""
    return ProtectionDocument(
        is_protected=not report.faults,
        read_at=datetime.now(UTC),
        database=report.database,
        read_as=report.role,
        schema_version=report.schema_version,
        faults=[FaultDocument(subject=each.subject, what=each.what, remedy=each.remedy) for each in report.faults],
        settings=dict(report.settings),
        roles=[
            RoleDocument(
                role=role.name,
                may_log_in=role.may_log_in,
                is_superuser=role.is_superuser,
                member_of=list(role.member_of),
            )
            for role in report.roles
        ],
        grants=[
            GrantDocument(role=right.role, object=right.object, privilege=right.privilege) for right in report.grants
        ],
        guards=[
            GuardDocument(table=guard.table, trigger=guard.name, state=STATES.get(state, state))
            for guard, state in report.guards.items()
        ],
    )
