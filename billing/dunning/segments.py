"""Which invoices a policy is for: conditions that all have to hold, and whether two sets of them can hold of one invoice."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from billing.dunning.history import CountryCode, Customer, Invoice
from ledger.money import MAX_AMOUNT_MINOR, CurrencyCode
from ledger.record import Identifier, Record


def _once_each(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) != len(items):
        raise ValueError("names the same thing twice: name it once")
    return items


Names = Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=200), AfterValidator(_once_each)]
Countries = Annotated[tuple[CountryCode, ...], Field(min_length=1, max_length=250), AfterValidator(_once_each)]


class AmountRange(Record):
    """Amounts from `min_minor` to `max_minor`, both included, in minor units."""

    min_minor: int = Field(default=1, ge=1, le=MAX_AMOUNT_MINOR)
    max_minor: int = Field(default=MAX_AMOUNT_MINOR, ge=1, le=MAX_AMOUNT_MINOR)

    @model_validator(mode="after")
    def _holds_an_amount(self) -> "AmountRange":
        if self.min_minor > self.max_minor:
            raise ValueError("min_minor is over max_minor, so no amount is in the range: exchange them")
        return self

    def meets(self, other: "AmountRange") -> bool:
        """Whether an amount is in both."""
        return max(self.min_minor, other.min_minor) <= min(self.max_minor, other.max_minor)


class TenureRange(Record):
    """Whole days since the customer became one, `under_days` excluded."""

    from_days: int = Field(default=0, ge=0, le=36_500)
    under_days: int = Field(default=36_501, ge=1, le=36_501)

    @model_validator(mode="after")
    def _holds_a_day(self) -> "TenureRange":
        if self.from_days >= self.under_days:
            raise ValueError("from_days is not below under_days, so nobody is in the range: exchange them")
        return self

    def meets(self, other: "TenureRange") -> bool:
        """Whether a tenure is in both."""
        return max(self.from_days, other.from_days) < min(self.under_days, other.under_days)


class Segment(Record):
    """What has to hold; None asks for nothing. What is not known of a customer fulfils no condition on it."""

    plan: Names | None = None
    country: Countries | None = None
    customer_type: Names | None = None
    amount: Mapping[CurrencyCode, AmountRange] | None = Field(default=None, min_length=1, max_length=200)
    """By currency; an invoice in another currency does not fulfil it."""
    tenure: TenureRange | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Segment":
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            raise ValueError("asks for nothing: leave `when` out in the last policy, and give the others a condition")
        return self

    def holds(self, invoice: Invoice, customer: Customer) -> bool:
        """Whether this invoice of this customer is in the segment."""
        if self.plan is not None and customer.plan not in self.plan:
            return False
        if self.country is not None and customer.country not in self.country:
            return False
        if self.customer_type is not None and customer.customer_type not in self.customer_type:
            return False
        if self.amount is not None:
            within = self.amount.get(invoice.amount.currency)
            if within is None or not within.min_minor <= invoice.amount.amount_minor <= within.max_minor:
                return False
        return self.tenure is None or self._has_tenure(self.tenure, customer.customer_since, invoice.failed_at)

    def meets(self, other: "Segment") -> bool:
        """Whether some invoice can be in both."""
        return (
            _share(self.plan, other.plan)
            and _share(self.country, other.country)
            and _share(self.customer_type, other.customer_type)
            and self._amounts_meet(other)
            and (self.tenure is None or other.tenure is None or self.tenure.meets(other.tenure))
        )

    def _amounts_meet(self, other: "Segment") -> bool:
        if self.amount is None or other.amount is None:
            return True
        both = self.amount.keys() & other.amount.keys()
        return any(self.amount[currency].meets(other.amount[currency]) for currency in both)

    @staticmethod
    def _has_tenure(tenure: TenureRange, since: datetime | None, at: datetime) -> bool:
        return since is not None and tenure.from_days <= (at - since).days < tenure.under_days


def _share(ours: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> bool:
    return ours is None or theirs is None or bool(set(ours) & set(theirs))
