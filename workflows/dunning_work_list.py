"""What the Temporal Web UI shows of dunning: search attributes, which make the list of what is to be done, and details."""

from temporalio import workflow

from activities.dunning_messages import DunningView
from workflows.search_attributes import (
    CURRENCY,
    CUSTOMER,
    DECLINE_CODE,
    DUNNING_DUE_MINOR,
    DUNNING_NEXT,
    DUNNING_NEXT_AT,
    DUNNING_STAGE,
)


def show(before: DunningView | None, after: DunningView) -> None:
    """Make what has changed findable and readable; nothing where nothing has."""
    if after == before or after.next is None:
        return
    chosen = after.next
    workflow.upsert_search_attributes(
        [
            DUNNING_STAGE.value_set(f"{chosen.kind}"),
            DUNNING_NEXT.value_set(chosen.words),
            DUNNING_NEXT_AT.value_set(chosen.at),
            DUNNING_DUE_MINOR.value_set(after.due.amount_minor),
            CURRENCY.value_set(after.due.currency),
            CUSTOMER.value_set(after.customer_id),
            DECLINE_CODE.value_set(after.declined or ""),
        ]
    )
    workflow.set_current_details(details(after))


def details(view: DunningView) -> str:
    """Say on a page what is owed, why, what comes next and what was commanded; as Markdown."""
    chosen = view.next
    lines = [f"**{view.due}** due from {view.customer_id}, {view.tries} tries so far, by policy {view.policy}"]
    lines += [f"Declined: {view.declined}"] if view.declined else []
    lines += [f"Next: {chosen.words} at {chosen.at:%Y-%m-%d %H:%M} UTC ({chosen.why})"] if chosen else []
    lines += [f"Access: {view.access}"] if view.access else []
    lines += [f"Deadline: {view.deadline:%Y-%m-%d %H:%M} UTC"] if view.deadline else []
    lines += [f"Last command: {view.commanded}"] if view.commanded else []
    return "\n\n".join(lines)
