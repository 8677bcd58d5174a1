"""What the Temporal Web UI shows of an adjustment: search attributes, which make the list of what waits for whom, and details."""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import AdjustmentState
from workflows.adjustment_messages import AdjustmentView
from workflows.search_attributes import (
    ADJUSTMENT_AMOUNTS,
    ADJUSTMENT_APPROVALS_MISSING,
    ADJUSTMENT_EXPIRES,
    ADJUSTMENT_REASON,
    ADJUSTMENT_REQUESTER,
    ADJUSTMENT_STATE,
)


def show(request: AdjustmentRequest, before: AdjustmentView, after: AdjustmentView) -> None:
    """Make what has changed findable and readable."""
    updates: list[SearchAttributeUpdate[Any]] = []
    if before.approvals_needed is None and after.expires_at is not None:
        updates += [
            ADJUSTMENT_REQUESTER.value_set(after.requester),
            ADJUSTMENT_REASON.value_set(after.reason_code),
            ADJUSTMENT_AMOUNTS.value_set([str(amount) for amount in after.amounts]),
            ADJUSTMENT_EXPIRES.value_set(after.expires_at),
        ]
    if updates or after.state is not before.state:
        updates.append(ADJUSTMENT_STATE.value_set(after.state))
    if updates or after.approvals_missing != before.approvals_missing:
        updates.append(ADJUSTMENT_APPROVALS_MISSING.value_set(after.approvals_missing))
    if updates:
        workflow.upsert_search_attributes(updates)
    workflow.set_current_details(details(request, after))


def details(request: AdjustmentRequest, view: AdjustmentView) -> str:
    """Say in a page what is asked for, by whom, and what it waits for; as Markdown."""
    amounts = ", ".join(str(amount) for amount in view.amounts)
    lines = [f"**{view.state}** {amounts}, asked for by {view.requester}"]
    lines.append(f"{view.reason_code}: {request.because}; evidence {request.evidence}")
    lines += [f"reverses {request.reverses}"] if request.reverses else []
    lines += [f"- {line.side} {line.account.code} {line.money}" for line in request.lines]
    said = [f"approved by {person}" for person in view.approved_by]
    said += [f"rejected by {view.rejected_by}"] if view.rejected_by else []
    if view.state is AdjustmentState.REQUESTED:
        said.append(
            f"{view.approvals_missing} of {view.approvals_needed} approvals missing, until {view.expires_at:%Y-%m-%d %H:%M} UTC"
        )
    said += [text for text in (view.message, view.entry_hash and f"entry {view.entry_hash}") if text]
    return "\n\n".join([*lines, *said])
