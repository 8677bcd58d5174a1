"""What is wrong with a policy that is well formed: one part of it contradicts another, or a network's rule."""

from collections.abc import Iterator
from datetime import date

from billing.dunning.ceilings import CEILINGS
from billing.dunning.notice_ladder import Step, Template
from billing.dunning.policy import Edition, InvoiceEnd, Policies, Policy, SubscriptionEnd
from billing.dunning.schedules import Schedule
from ledger import editions
from ledger.lined_yaml import Fault, Place

PAST_DUE_NEEDS_AN_INVOICE = (SubscriptionEnd.KEEP_PAST_DUE, SubscriptionEnd.MARK_UNPAID)


def faults_of(policies: Policies) -> list[Fault]:
    """List the faults of all editions."""
    found = list(editions.faults(policies.editions))
    for number, edition in enumerate(policies.editions):
        place: Place = ("editions", number)
        found += _segments_in_each_others_way(edition, place)
        for position, policy in enumerate(edition.policies):
            within = (*place, "policies", position)
            found += _above_the_networks(policy, within, edition.effective_from.date())
            found += _schedules(policy, within)
            found += _ladder(policy, within)
            found += _access_and_end(policy, within)
    return found


def _segments_in_each_others_way(edition: Edition, place: Place) -> Iterator[Fault]:
    *earlier, last = edition.policies
    if last.when is not None:
        yield Fault(
            (*place, "policies", len(earlier), "when"),
            f"policy {last.name} stands last and has a segment, so that invoices in no segment have no policy: "
            "end with one without `when`",
        )
    for number, policy in enumerate(edition.policies):
        within = (*place, "policies", number)
        if policy.when is None and policy is not last:
            yield Fault(
                within,
                f"policy {policy.name} is for all invoices, but others follow: give it a `when`, or move it to the end",
            )
        for other in edition.policies[:number]:
            if other.name == policy.name:
                yield Fault((*within, "name"), f"there are two policies {policy.name}: rename one")
            elif other.when is not None and policy.when is not None and policy.when.meets(other.when):
                yield Fault(
                    (*within, "when"),
                    f"the segments of {other.name} and {policy.name} overlap, so that an invoice could be in both: "
                    "exclude one from the other",
                )


def _above_the_networks(policy: Policy, place: Place, day: date) -> Iterator[Fault]:
    ceiling, network = CEILINGS.most_in_30_days(day)
    if _most_in_30_days(policy) > ceiling:
        yield Fault(
            (*place, "most_tries"),
            f"{policy.most_tries} tries within 30 days are above the ceiling of {network}, {ceiling}: lower it, or spread them by "
            "fixed_days",
        )


def _most_in_30_days(policy: Policy) -> int:
    """How many tries, with the first failure, can come within 30 days."""
    fixed = [schedule.fixed_days for schedule in policy.by_class.values()]
    if any(days is None for days in fixed):
        return policy.most_tries + 1
    most = max(sum(begin <= day < begin + 30 for day in (0, *days)) for days in fixed if days for begin in (0, *days))
    return min(policy.most_tries + 1, most)


def _schedules(policy: Policy, place: Place) -> Iterator[Fault]:
    for name in ("wait_for_funds", "generic", "technical", "unreachable"):
        schedule: Schedule | None = getattr(policy.schedules, name)
        if schedule is None:
            continue
        within = (*place, "schedules", name)
        is_technical = name in {"technical", "unreachable"}
        if (schedule.after_minutes is not None) != is_technical:
            kinds = (
                "after_minutes"
                if is_technical
                else "fixed_days or adaptive, since an issuer that said no is asked once a day"
            )
            yield Fault(within, f"needs {kinds}")
        days = schedule.fixed_days
        if days and days[-1] >= policy.deadline_days:
            yield Fault(
                (*within, "fixed_days"),
                f"day {days[-1]} is not before the deadline on day {policy.deadline_days}, so that the try is never made: "
                "move the deadline, or leave the day out",
            )
        if days and len(days) > policy.most_tries:
            yield Fault(
                (*within, "fixed_days"), f"has {len(days)} days, but most_tries is {policy.most_tries}: make them agree"
            )
        if schedule.adaptive is not None and policy.most_tries > policy.deadline_days:
            yield Fault(
                (*place, "most_tries"),
                f"{policy.most_tries} tries a day apart do not fit before the deadline on day {policy.deadline_days}: lower one",
            )


def _ladder(policy: Policy, place: Place) -> Iterator[Fault]:
    seen: dict[str, Step] = {}
    for number, step in enumerate(policy.notices.ladder):
        within = (*place, "notices", "ladder", number)
        other = seen.get(step.key)
        if other is not None and _same_classes(other, step):
            yield Fault(within, f"{step.template} is sent twice at the same moment: leave one out")
        seen[step.key] = step
        if step.days_after_failure is not None and step.days_after_failure >= policy.deadline_days:
            yield Fault(
                (*within, "days_after_failure"),
                f"day {step.days_after_failure} is not before the deadline on day {policy.deadline_days}: use days_after_end",
            )
        if step.days_before_deadline is not None and step.days_before_deadline > policy.deadline_days:
            yield Fault(
                (*within, "days_before_deadline"),
                f"is before the failure, since the deadline is on day {policy.deadline_days}: lower it",
            )
    quiet = policy.notices.quiet_hours
    if quiet is not None and quiet.covers(policy.notices.at):
        yield Fault((*place, "notices", "at"), f"{policy.notices.at:%H:%M} is within the quiet hours: move one of them")
    if policy.notices.most_per_day > policy.notices.most_per_week:
        yield Fault((*place, "notices", "most_per_day"), "is over most_per_week: lower it")


def _same_classes(one: Step, other: Step) -> bool:
    return one.classes is None or other.classes is None or bool(set(one.classes) & set(other.classes))


def _access_and_end(policy: Policy, place: Place) -> Iterator[Fault]:
    limited, suspended = policy.access.limited_after_days, policy.access.suspended_after_days
    if limited is not None and suspended is not None and limited >= suspended:
        yield Fault(
            (*place, "access", "limited_after_days"),
            f"day {limited} is not before the suspension on day {suspended}: leave it out, or exchange them",
        )
    for name, day in (("limited_after_days", limited), ("suspended_after_days", suspended)):
        if day is not None and day > policy.deadline_days:
            yield Fault(
                (*place, "access", name), f"day {day} is after the deadline on day {policy.deadline_days}: lower it"
            )
    if policy.end.subscription in PAST_DUE_NEEDS_AN_INVOICE and policy.end.invoice is not InvoiceEnd.KEEP_OPEN:
        yield Fault(
            (*place, "end"),
            f"subscription {policy.end.subscription} needs an open invoice, and invoice {policy.end.invoice} leaves none: "
            "use keep_open, or cancel or pause the subscription",
        )
    warned = any(step.template is Template.LAST_WARNING for step in policy.notices.ladder)
    if policy.end.subscription is SubscriptionEnd.CANCEL and not warned:
        yield Fault((*place, "notices", "ladder"), "cancels without a last_warning: add one, or keep the subscription")
