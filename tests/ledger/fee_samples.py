"""Fee rules and asks that tests of fees start from."""

from typing import Any

from ledger.fee_rules import Ask, FeeEdition, FeeRule
from ledger.money import Money
from tests.ledger.exchange_samples import DAY


def rule(**fields: Any) -> FeeRule:
    """A rule, by default 2.9 % and 30 cents."""
    prices = {} if "tiers" in fields else {"percentage": "2.9", "fixed_minor": {"USD": 30}}
    return FeeRule.model_validate({"name": "one", **prices, **fields})


def edition(*rules: FeeRule) -> FeeEdition:
    """An edition of these rules."""
    return FeeEdition(version="2026-11", effective_from=DAY, rules=rules)


def ask(amount_minor: int, currency: str = "USD", **known: Any) -> Ask:
    """A purchase at Stripe."""
    amount = Money(amount_minor=amount_minor, currency=currency)
    return Ask.model_validate({"amount": amount, "gateway": "stripe", **known})
