"""What Stripe keeps of a charge, and the rates at which it converts. Fees are not given back upon a refund."""

from decimal import Decimal

from simulators.stripe import currencies

PERCENTAGE = Decimal("0.029")
FIXED = {
    "usd": 30,
    "aud": 30,
    "cad": 30,
    "chf": 30,
    "dkk": 180,
    "eur": 25,
    "gbp": 20,
    "hkd": 235,
    "jpy": 40,
    "krw": 400,
    "mxn": 300,
    "nok": 200,
    "nzd": 30,
    "pln": 100,
    "sek": 180,
    "sgd": 50,
}
_FIXED_ELSEWHERE = {0: 30, 2: 30, 3: 100}
DISPUTE_FEE_IN_FIXED_PARTS = 50
"""The fee of a dispute, as a multiple of the fixed part of a charge's: 15.00 USD."""
PER_US_DOLLAR = {
    "usd": Decimal(1),
    "aud": Decimal("1.52"),
    "cad": Decimal("1.37"),
    "chf": Decimal("0.88"),
    "dkk": Decimal("6.87"),
    "eur": Decimal("0.92"),
    "gbp": Decimal("0.79"),
    "jpy": Decimal(150),
    "kwd": Decimal("0.307"),
    "nok": Decimal("10.8"),
    "sek": Decimal("10.5"),
    "sgd": Decimal("1.34"),
}


def of_charge(captured: int, currency: str) -> int:
    """The fee in the same currency, never more than what was captured."""
    return min(captured, currencies.rounded(captured * PERCENTAGE + _fixed(currency), currency))


def of_dispute(currency: str) -> int:
    """The fee in this currency, whatever the disputed amount."""
    return currencies.rounded(Decimal(_fixed(currency) * DISPUTE_FEE_IN_FIXED_PARTS), currency)


def exchange_rate(source: str, target: str) -> Decimal | None:
    """Major units of the target for one of the source; None where nothing is converted."""
    if source == target or source not in PER_US_DOLLAR:
        return None
    return (PER_US_DOLLAR[target] / PER_US_DOLLAR[source]).quantize(Decimal("0.000001"))


def converted(amount: int, source: str, target: str, rate: Decimal | None) -> int:
    """The amount at this rate, in the target's units."""
    if rate is None:
        return amount
    return currencies.rounded((currencies.major(amount, source) * rate).scaleb(currencies.DIGITS[target]), target)


def _fixed(currency: str) -> int:
    return FIXED.get(currency, _FIXED_ELSEWHERE[currencies.DIGITS[currency]])
