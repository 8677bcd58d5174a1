"""What tests can change of the simulated PayPal while it runs, beside the delivery of webhooks."""

from collections.abc import Mapping
from typing import Any

from simulators.settings import Check, is_count, is_flag, one_of

DAY = 24 * 3600

KNOWN: Mapping[str, tuple[Any, Check]] = {
    # Whether an invoice id may be used once only; an account setting at PayPal, which many merchants have on.
    "unique_invoice_ids": (True, is_flag),
    # How long a PayPal-Request-Id is remembered.
    "order_request_id_seconds": (6 * 3600, is_count),
    "payment_request_id_seconds": (45 * DAY, is_count),
    "vault_request_id_seconds": (3 * 3600, is_count),
    # A used PayPal-Request-Id with other content, which PayPal does not document: refuse it, or repeat the old answer.
    "changed_repeat": ("refuse", one_of("refuse", "repeat")),
    # The same order with its payment source once more: PayPal's document says repeat, its sandbox was seen to refuse.
    "single_step_repeat": ("repeat", one_of("repeat", "refuse")),
    "approval_window_seconds": (6 * 3600, is_count),
    # How a token is answered for that was deleted from the vault: both were seen of PayPal.
    "deleted_tokens": ("unknown", one_of("unknown", "empty")),
    # Whether an order that was left unpaid for longer than that can still be looked at.
    "expired_orders": ("gone", one_of("gone", "kept")),
    # What becomes of an order whose payer cancels: PayPal leaves it alone, which a caller cannot tell from waiting.
    "payer_cancels": ("void", one_of("void", "nothing")),
    # An authorization lapses after 29 days; PayPal may take a day longer to report it as VOIDED.
    "lapse_report_delay_seconds": (0, is_count),
    # Whether the money is still there after the honor period of three days.
    "capture_after_honor_period": ("complete", one_of("complete", "refuse")),
    "capture_limit_percent": (115, is_count),
    # The status in which a refund starts that fails later.
    "failing_refund_starts": ("PENDING", one_of("PENDING", "COMPLETED")),
    # How long a refund takes that does not end at once.
    "refund_delay_seconds": (60, is_count),
    "refund_returns_fixed_fee": (False, is_flag),
    # What a dispute does to the money: taken at once, set aside until it is lost, or left alone until then.
    "dispute_course": ("chargeback", one_of("chargeback", "hold", "inquiry")),
    # Whether a dispute can still be found by its transaction more than 180 days after it changed, which PayPal leaves open.
    "old_disputes": ("listed", one_of("listed", "gone")),
    "merchant_balance": ("enough", one_of("enough", "empty")),
    # How long a transaction takes to appear in the transaction search, and how many one search may find.
    "search_lag_seconds": (0, is_count),
    "search_limit": (10_000, is_count),
    "token_seconds": (32_400, is_count),
    # A token for every payment is answered 429 by PayPal, whose limits are not published.
    "tokens_per_minute": (300, is_count),
}
