"""What a gateway in memory keeps of a payment, and how it behaves: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateways.port import Capabilities, Withdrawal, WithdrawalState

CODES: Mapping[str, tuple[str, ...]] = {
    "stripe": (
        "insufficient_funds",
        "do_not_honor",
        "issuer_not_available",
        "processing_error",
        "authentication_required",
        "a_code_that_no_table_has",
    ),
    "paypal": ("INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "5120", "PAYER_ACCOUNT_RESTRICTED", "INTERNAL_ERROR"),
}
KEY_LIFE = {"stripe": timedelta(hours=24), "paypal": timedelta(hours=6)}
CAPABILITIES = {
    name: Capabilities(currencies={"USD": 2}, key_life_seconds=int(life.total_seconds()))
    for name, life in KEY_LIFE.items()
}
DISPUTE_FEE = 1500
HELD_FOR = {"stripe": timedelta(days=7), "paypal": timedelta(days=29)}


@dataclass(eq=False)
class Refund:
    """Money given back."""

    reference: str
    operation_id: str
    amount_minor: int
    status: str
    at: datetime
    fee_minor: int = 0


@dataclass(eq=False)
class Payment:
    """One payment; `status` is one of created, action, approved, processing, declined, held, taken, canceled, lapsed."""

    reference: str
    operation_id: str
    amount_minor: int
    automatic: bool
    status: str = "created"
    code: str = ""
    fenced: bool = False
    was_held: bool = False
    held_until: datetime | None = None
    done_at: datetime | None = None
    taken_minor: int = 0
    taken_by: str | None = None
    pending_capture: tuple[str, int] | None = None
    fee_minor: int = 0
    fee_at: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)
    withdrawal: Withdrawal | None = None

    @property
    def left_minor(self) -> int:
        """What was taken and has not gone back."""
        back = sum(each.amount_minor for each in self.refunds if each.status != "failed")
        return self.taken_minor - back - self.withdrawn_minor

    @property
    def withdrawn_minor(self) -> int:
        """What the gateway has taken back by itself."""
        taken = self.withdrawal
        return 0 if taken is None or taken.state is WithdrawalState.WON else taken.amount.amount_minor


@dataclass(frozen=True)
class Effect:
    """Something that happened to money, under the operation that asked for it."""

    kind: str
    operation_id: str
    amount_minor: int


@dataclass
class Habits:
    """How a gateway behaves in a run, in shares of the cases."""

    declines: float = 0.2
    asks_customer: float = 0.12
    takes_time: float = 0.1
    succeeds_late: float = 0.05
    fee_comes_late: float = 0.3
    refuses_capture: float = 0.05
    refunds_fail: float = 0.1
    refunds_return: float = 0.05
    overcharges: float = 0.0
    takes_back: float = 0.0
    """Of what was taken: by a dispute, or for good."""
