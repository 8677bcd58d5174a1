"""All steps that processes take with the books and the post, over one database: what a worker offers on its main queue."""

from collections.abc import Callable
from typing import Any

from activities.adjustment_books import AdjustmentBooks
from activities.attempts import Attempts
from activities.charge_books import ChargeBooks
from activities.dunning_books import DunningBooks
from activities.hold_books import HoldBooks
from activities.late_books import LateBooks
from activities.notices import Notices
from activities.refund_books import RefundBooks
from activities.split_books import SplitBooks
from activities.subscription_books import SubscriptionBooks
from activities.withdrawal_books import WithdrawalBooks
from billing.dunning.policy import Policies
from gateways.port import Capabilities
from ledger.database import Database


def process_steps(
    database: Database,
    capabilities: dict[str, Capabilities],
    *,
    attempts: Attempts,
    reviewers: frozenset[str],
    policies: Policies,
    notices: Notices,
) -> list[Callable[..., Any]]:
    """Return them; `policies` are those of dunning."""
    charge_books = ChargeBooks(database, capabilities, attempts, reviewers)
    refund_books = RefundBooks(database, capabilities, reviewers)
    late_books = LateBooks(database, capabilities)
    withdrawal_books = WithdrawalBooks(database)
    split_books = SplitBooks(database)
    adjustment_books = AdjustmentBooks(database)
    hold_books = HoldBooks(database)
    subscription_books = SubscriptionBooks(database, policies)
    dunning_books = DunningBooks(database, policies)
    return [
        charge_books.open_charge,
        charge_books.open_operation,
        charge_books.record_outcome,
        charge_books.record_unknown,
        charge_books.record_fee,
        charge_books.park,
        charge_books.resolve_review,
        charge_books.request_cancel,
        charge_books.confirm_charge,
        charge_books.settle_undone,
        refund_books.reserve_refund,
        refund_books.record_refund,
        refund_books.park_refund,
        refund_books.resolve_refund_review,
        late_books.operations_to_reread,
        late_books.record_late,
        late_books.record_compensation,
        withdrawal_books.record_withdrawals,
        split_books.open_split,
        split_books.look_at_legs,
        split_books.begin_leg,
        split_books.refuse_leg,
        split_books.cancel_split,
        adjustment_books.request_adjustment,
        adjustment_books.decide_adjustment,
        adjustment_books.expire_adjustment,
        adjustment_books.post_adjustment,
        hold_books.place_hold,
        hold_books.post_hold,
        hold_books.void_hold,
        hold_books.expire_hold,
        subscription_books.turn,
        subscription_books.issue,
        subscription_books.collect,
        dunning_books.look,
        dunning_books.begin_try,
        dunning_books.charge_of_try,
        dunning_books.withdraw_try,
        dunning_books.tell_access,
        dunning_books.note,
        dunning_books.end,
        notices.send_notice,
        notices.send_expiring_notice,
    ]
