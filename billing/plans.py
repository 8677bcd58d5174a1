"""Plans: a price and how often it is owed. A plan changes by a new version; versions are never rewritten.

A subscription keeps the version that it began with, until its plan is changed.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, field_validator

from billing.calendar import Interval
from billing.invoices import EARNED, Words
from ledger.accounts import CODE_PATTERN
from ledger.money import MAX_AMOUNT_MINOR, Chargeable, Money
from ledger.record import Identifier, Record, Text, content_hash

SALES: Final = "revenue:subscriptions"
"""What a plan earns to where nothing else is said."""
MAX_TRIAL_DAYS: Final = 730


class PlanTerms(Record):
    """What a version of a plan says: the same terms again are the same version."""

    plan_id: Identifier
    name: Words
    amount: Chargeable
    interval: Interval
    trial_days: int = Field(default=0, ge=0, le=MAX_TRIAL_DAYS)
    earns_to: str = Field(default=SALES, pattern=CODE_PATTERN, max_length=200)
    """The account that its invoices earn to."""
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    @field_validator("amount")
    @classmethod
    def _positive(cls, amount: Money) -> Money:
        if not 0 < amount.amount_minor <= MAX_AMOUNT_MINOR:
            raise ValueError(f"must be greater than zero and at most {MAX_AMOUNT_MINOR} minor units")
        return amount

    @field_validator("earns_to")
    @classmethod
    def _earned(cls, code: str) -> str:
        if code.partition(":")[0] not in EARNED:
            raise ValueError(f"must be an account of {', '.join(EARNED)}, such as {SALES}")
        return code

    def content_hash(self) -> str:
        """Identify the terms, whoever states them."""
        return content_hash(self)


class Plan(PlanTerms):
    """A version of a plan as it stands in the database."""

    version: int
    created_at: datetime
