"""The search attributes by which people filter charges, adjustments and dunning in the Temporal Web UI; persons by their ids only."""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from ledger.charges import ChargeRequest, ChargeView

STATUS = SearchAttributeKey.for_keyword("ChargeStatus")
GATEWAY = SearchAttributeKey.for_keyword("ChargeGateway")
CURRENCY = SearchAttributeKey.for_keyword("ChargeCurrency")
AMOUNT_MINOR = SearchAttributeKey.for_int("ChargeAmountMinor")
CUSTOMER = SearchAttributeKey.for_keyword("ChargeCustomer")
DECLINE_CODE = SearchAttributeKey.for_keyword("ChargeDeclineCode")

ADJUSTMENT_STATE = SearchAttributeKey.for_keyword("AdjustmentState")
ADJUSTMENT_REQUESTER = SearchAttributeKey.for_keyword("AdjustmentRequester")
ADJUSTMENT_REASON = SearchAttributeKey.for_keyword("AdjustmentReason")
ADJUSTMENT_AMOUNTS = SearchAttributeKey.for_keyword_list("AdjustmentAmounts")
ADJUSTMENT_APPROVALS_MISSING = SearchAttributeKey.for_int("AdjustmentApprovalsMissing")
ADJUSTMENT_EXPIRES = SearchAttributeKey.for_datetime("AdjustmentExpires")

DUNNING_STAGE = SearchAttributeKey.for_keyword("DunningStage")
DUNNING_NEXT = SearchAttributeKey.for_keyword("DunningNext")
DUNNING_NEXT_AT = SearchAttributeKey.for_datetime("DunningNextAt")
DUNNING_DUE_MINOR = SearchAttributeKey.for_int("DunningDueMinor")

OF_CHARGES = (STATUS, GATEWAY, CURRENCY, AMOUNT_MINOR, CUSTOMER, DECLINE_CODE)
OF_ADJUSTMENTS = (
    ADJUSTMENT_STATE,
    ADJUSTMENT_REQUESTER,
    ADJUSTMENT_REASON,
    ADJUSTMENT_AMOUNTS,
    ADJUSTMENT_APPROVALS_MISSING,
    ADJUSTMENT_EXPIRES,
)
OF_DUNNING = (DUNNING_STAGE, DUNNING_NEXT, DUNNING_NEXT_AT, DUNNING_DUE_MINOR)
"""Customer, currency and decline are those of charges."""
ALL: tuple[SearchAttributeKey[Any], ...] = (*OF_CHARGES, *OF_ADJUSTMENTS, *OF_DUNNING)
"""A server with its visibility in PostgreSQL or SQLite has room for ten keywords, and for three of each other kind."""


def introduce(request: ChargeRequest, view: ChargeView) -> None:
    """Make a new charge findable."""
    workflow.upsert_search_attributes(
        [
            STATUS.value_set(view.status),
            GATEWAY.value_set(view.gateway or ""),
            CURRENCY.value_set(request.amount.currency),
            AMOUNT_MINOR.value_set(request.amount.amount_minor),
            CUSTOMER.value_set(request.customer),
        ]
    )


def follow(before: ChargeView, after: ChargeView) -> None:
    """Make a change of state findable; no event where nothing changed."""
    updates: list[SearchAttributeUpdate[Any]] = []
    if after.status is not before.status:
        updates.append(STATUS.value_set(after.status))
    if after.decline_code and after.decline_code != before.decline_code:
        updates.append(DECLINE_CODE.value_set(after.decline_code))
    if updates:
        workflow.upsert_search_attributes(updates)
