"""What there is to do now about an unpaid invoice, when to look again, and what people see of it: pure, from its history.

The three clocks meet here: `decide` for the tries, `planned_notices` for the notices, `entitlement_changes` for the access.
"""

from datetime import datetime
from typing import NamedTuple

from activities.dunning_messages import DunningView, Next, NextKind, NoticeToSend, Outlook
from billing.dunning.decide import SETTLING, deadline_of, decide
from billing.dunning.decision import AskCustomer, Decision, GiveUp, Reason, TryAgain, Wait, WaitingFor
from billing.dunning.entitlement import Access, entitlement_at, entitlement_changes
from billing.dunning.history import Event, EventKind, History, TryOutcome
from billing.dunning.notices import planned_notices
from billing.dunning.policy import Policy
from ledger.money import Money


class Case(NamedTuple):
    """All that is known of an unpaid invoice."""

    history: History
    policy: Policy
    policy_name: str
    """`version/name`."""
    due: Money
    """What is still to be paid."""
    told: Access | None
    """The state of the access that was told last."""
    next_number: int
    """Of the next try."""
    open_try: str | None
    """The charge of a try that is not decided."""


def outlook_of(case: Case, now: datetime) -> Outlook:
    """Say what is to be done now, and when to look again."""
    history, policy = case.history, case.policy
    chosen = _next(case, now)
    planned = planned_notices(history, policy, now)
    due = tuple(
        NoticeToSend(
            invoice_id=history.invoice.invoice_id,
            key=notice.key,
            template=notice.template,
            channel=notice.channel,
            due_at=notice.at,
            why=notice.why,
        )
        for notice in planned
        if notice.at <= now
    )
    access = entitlement_at(history, policy, now)
    to_come = [notice.at for notice in planned if notice.at > now]
    to_come += [change.since for change in entitlement_changes(history, policy) if change.since > now]
    if chosen.kind is not NextKind.OVER:
        to_come.append(chosen.at)
    return Outlook(
        view=_view(case, chosen, access.access),
        next=chosen,
        notices=due,
        access=None if access.access is case.told else access.access,
        open_try=case.open_try,
        next_number=case.next_number,
        wake_at=min(to_come, default=None),
    )


def _next(case: Case, now: datetime) -> Next:
    history = case.history
    decision = decide(history, case.policy, now)
    if isinstance(decision, GiveUp):
        ended = next((event for event in history.events if event.kind is EventKind.ENDED), None)
        if ended is not None:
            return Next(kind=NextKind.OVER, at=ended.at, reason=decision.reason, why=decision.why)
        if case.open_try is not None:
            # It may still succeed: what it takes is given back, and only then is it over.
            decision = Wait(now + SETTLING, WaitingFor.OUTCOME, f"{decision.why}, and a try is not decided yet")
        elif decision.reason is Reason.PAID and case.due.amount_minor:
            why = "what a try took was taken back by the gateway, so that it is owed again: a person has to look"
            decision = Wait(now + SETTLING, WaitingFor.REVIEW, why)
    return _said(decision, now)


def _said(decision: Decision, now: datetime) -> Next:
    match decision:
        case TryAgain(at=at, method=method, purpose=purpose, why=why):
            return Next(kind=NextKind.TRY, at=at, method=method, purpose=purpose, why=why)
        case AskCustomer(what=what, until=until, why=why):
            return Next(kind=NextKind.ASK_CUSTOMER, at=until, need=what, why=why)
        case Wait(until=until, waiting_for=waiting_for, why=why):
            return Next(kind=NextKind.WAIT, at=until, waiting_for=waiting_for, why=why)
        case GiveUp(reason=reason, why=why):
            return Next(kind=NextKind.GIVE_UP, at=now, reason=reason, why=why)


def _view(case: Case, chosen: Next, access: Access) -> DunningView:
    history = case.history
    declined = next((tried for tried in reversed(history.tries) if tried.outcome is TryOutcome.DECLINED), None)
    commanded = [event for event in history.events if event.by is not None]
    found = declined.classified if declined is not None else None
    code = declined.answer.code if declined is not None and declined.answer is not None else ""
    return DunningView(
        invoice_id=history.invoice.invoice_id,
        customer_id=history.customer.customer_id,
        policy=case.policy_name,
        due=case.due,
        access=access,
        tries=len(history.tries),
        declined=f"{found.decline_class}: {code}" if found is not None else None,
        deadline=deadline_of(history, case.policy),
        next=chosen,
        commanded=_command(commanded[-1]) if commanded else None,
    )


def _command(event: Event) -> str:
    until = f" until {event.until:%Y-%m-%d %H:%M} UTC" if event.until is not None else ""
    return f"{event.kind.replace('_', ' ')}{until} by {event.by}"
