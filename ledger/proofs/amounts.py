"""Amounts in words, also where the books hold a currency that does not exist."""

from ledger.money import Money, MoneyError


def shown(amount_minor: int, currency: str) -> str:
    """Write an amount for people: `49.99 USD`."""
    try:
        return str(Money(amount_minor=amount_minor, currency=currency))
    except MoneyError:
        return f"{amount_minor} minor units of {currency}"
