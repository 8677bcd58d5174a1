"""A charge of Stripe's, as far as we read it: one attempt at a payment method, and what it did to the balance."""

from typing import Final

from pydantic import BaseModel

from gateways.stripe_errors import ReportedCard

NOT_SENT: Final = "not_sent_to_network"
"""Network status of a charge that Stripe stopped itself."""


class BalanceTransaction(BaseModel):
    """A movement on the balance; amounts in the currency that Stripe settles in."""

    id: str
    amount: int
    fee: int
    currency: str
    created: int
    reporting_category: str = ""


class PaymentMethodDetails(BaseModel):
    """Of a charge."""

    card: ReportedCard | None = None


class ChargeOutcome(BaseModel):
    """What became of a charge on its way."""

    network_status: str | None = None


class Charge(BaseModel):
    """One attempt of a PaymentIntent at the payment method."""

    id: str = ""
    status: str
    amount: int
    amount_captured: int = 0
    created: int
    balance_transaction: BalanceTransaction | str | None = None
    failure_balance_transaction: BalanceTransaction | str | None = None
    payment_method_details: PaymentMethodDetails | None = None
    outcome: ChargeOutcome | None = None

    @property
    def card(self) -> ReportedCard | None:
        """The card that was charged, if it was one."""
        return self.payment_method_details.card if self.payment_method_details else None

    @property
    def reached_issuer(self) -> bool | None:
        """Whether it was sent on to the network; None where Stripe does not tell."""
        status = self.outcome.network_status if self.outcome else None
        return None if status is None else status != NOT_SENT

    @property
    def had_succeeded(self) -> bool:
        """Whether it succeeded, be it that it failed since: then its money was on the balance, and was taken off again."""
        return self.status == "succeeded" or self.failure_balance_transaction is not None
