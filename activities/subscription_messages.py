"""What the process of a subscription and its books say to each other."""

from pydantic import AwareDatetime

from activities.dunning_messages import Surplus
from billing.expiring_methods import ExpiringNotice
from billing.subscriptions import SubscriptionState
from ledger.charges import ChargeRequest
from ledger.money import Money
from ledger.record import Record


class SubscriptionMoment(Record):
    """A subscription at a time by the clock of its process."""

    subscription_id: str
    now: AwareDatetime


class SubscriptionView(Record):
    """A subscription as people see it."""

    subscription_id: str
    customer_id: str
    state: SubscriptionState
    plan: str
    price: Money
    period_serial: int
    period: str
    """`2026-12-01 to 2027-01-01`."""


class Turn(Record):
    """What there is to do now, and when to look again."""

    view: SubscriptionView
    issue: str | None = None
    """An invoice that is drafted."""
    collect: str | None = None
    """An invoice that is open, and neither paid nor in dunning."""
    expiring: tuple[ExpiringNotice, ...] = ()
    """What is to be told of the card that the next invoice will be paid with."""
    period_ends_at: AwareDatetime
    wake_at: AwareDatetime

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.view.state is SubscriptionState.CANCELED and self.issue is None and self.collect is None


class Collected(Record):
    """How the first collection of an invoice stands."""

    charge: ChargeRequest | None = None
    """Under way, or to be started."""
    in_dunning: bool = False
    surplus: Surplus | None = None
    why: str = ""
