"""The messages of the baseline: plain data, as its workflow and its activities pass it on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payment:
    """What is to be taken."""

    charge_id: str
    gateway: str
    token: str
    amount_minor: int
    currency: str
    customer: str

    @property
    def operation_id(self) -> str:
        """The id that the requests carry; of the same length as a charge's."""
        return f"{self.charge_id}:capture:1"


@dataclass(frozen=True)
class Taken:
    """What the gateway said of it; `taken_at` in ISO 8601."""

    payment_reference: str
    reference: str
    fee_minor: int
    taken_at: str
