"""What the dunning commands print with `--json`."""

from datetime import UTC, datetime

from billing.dunning.history import History, Try
from billing.dunning.outlook import Entry
from billing.dunning.policy import Edition, Policies, Policy
from billing.dunning.zones import local_day, zone_info
from commands.documents import Document


class DunningEditionDocument(Document):
    """An edition of a dunning policy."""

    version: str
    effective_from: datetime
    in_force: bool
    policies: list[str]


class ForeseenDocument(Document):
    """Something that would happen."""

    at: datetime
    local: str
    day: int
    clock: str
    what: str
    why: str


class DeclineDocument(Document):
    """What a decline means."""

    decline_class: str
    why: str
    wait_hours: int
    unknown: list[str]


class PreviewDocument(Document):
    """A calendar of what would happen."""

    policy_version: str
    policy: str
    zone: str
    decline: DeclineDocument | None
    entries: list[ForeseenDocument]


def of_policies(policies: Policies, now: datetime) -> list[DunningEditionDocument]:
    """Show the editions of a file; exactly one is in force."""
    in_force = policies.at(now)
    return [_of_edition(edition, in_force) for edition in policies.editions]


def _of_edition(edition: Edition, in_force: Edition) -> DunningEditionDocument:
    return DunningEditionDocument(
        version=edition.version,
        effective_from=edition.effective_from.astimezone(UTC),
        in_force=edition is in_force,
        policies=[policy.name for policy in edition.policies],
    )


def of_preview(
    version: str, policy: Policy, history: History, entries: list[Entry], declined: Try | None
) -> PreviewDocument:
    """Show a calendar; `declined` is the try whose answer it supposes to repeat."""
    return PreviewDocument(
        policy_version=version,
        policy=policy.name,
        zone=policy.zone_of(history.customer),
        decline=_of_decline(declined),
        entries=of_entries(policy, history, entries),
    )


def of_entries(policy: Policy, history: History, entries: list[Entry]) -> list[ForeseenDocument]:
    """Show what would happen; days are counted from the failure, as clocks in the customer's zone show them."""
    zone = policy.zone_of(history.customer)
    first = local_day(history.invoice.failed_at, zone).toordinal()
    return [_foreseen(entry, zone, first) for entry in entries]


def _of_decline(tried: Try | None) -> DeclineDocument | None:
    found = tried.classified if tried is not None else None
    if found is None:
        return None
    return DeclineDocument(
        decline_class=found.decline_class,
        why=found.why,
        wait_hours=int(found.wait.total_seconds()) // 3600,
        unknown=list(found.unknown),
    )


def _foreseen(entry: Entry, zone: str, first: int) -> ForeseenDocument:
    local = entry.at.astimezone(zone_info(zone))
    return ForeseenDocument(
        at=entry.at,
        local=f"{local:%a %Y-%m-%d %H:%M}",
        day=local.date().toordinal() - first,
        clock=entry.clock,
        what=entry.what,
        why=entry.why,
    )
