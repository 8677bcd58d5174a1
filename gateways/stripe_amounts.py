"""What Stripe takes: currencies, the integers that it writes amounts in, smallest and largest charges.

Its exponents differ from ISO 4217 for ISK, UGX (sent times 100) and MGA (no decimals), and three-decimal amounts
must end in 0. Source: docs.stripe.com/currencies; the account's country decides what of it can really be used.
"""

from typing import Final

from gateways.port import Capabilities
from ledger.money import Money, iso_digits


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


ZERO_DECIMAL: Final = _codes("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
WHOLE_BUT_SENT_TIMES_100: Final = frozenset({"ISK", "UGX"})
THREE_DECIMAL: Final = _codes("BHD JOD KWD OMR TND")
TWO_DECIMAL: Final = _codes(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE CZK
    DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK
    LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
    QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD XCG
    YER ZAR ZMW
    """
)
MINIMUM_MAJOR: Final = {
    **dict.fromkeys(_codes("AUD BRL CAD CHF EUR INR NZD SGD USD"), "0.50"),
    **dict.fromkeys(_codes("AED MYR PLN RON"), "2.00"),
    **dict.fromkeys(_codes("NOK SEK"), "3.00"),
    **dict.fromkeys(_codes("MXN THB"), "10.00"),
    "CZK": "15.00",
    "DKK": "2.50",
    "GBP": "0.30",
    "HKD": "4.00",
    "HUF": "175.00",
    "JPY": "50",
}
MAXIMUM_SENT: Final = 99_999_999
MAXIMUM_SENT_IDR: Final = 999_999_999_999


def sent_digits(currency: str) -> int:
    """Decimal places in the integers that Stripe writes amounts of a currency in."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def accepted_digits(currency: str) -> int:
    """Decimal places that an amount may really have."""
    if currency in WHOLE_BUT_SENT_TIMES_100:
        return 0
    return min(sent_digits(currency), 2)


def to_stripe(money: Money) -> int:
    """Write an amount as Stripe does: 49.99 USD is 4999, 500 ISK is 50000. Raises ValueError if that loses anything."""
    sent = money.decimal().scaleb(sent_digits(money.currency))
    if sent != sent.to_integral_value():
        raise ValueError(f"Stripe cannot write {money}")
    return int(sent)


def from_stripe(amount: int, currency: str) -> Money:
    """Read an amount as Stripe writes it, in any currency that it reports. Raises ValueError if it is no ISO amount."""
    code = currency.upper()
    scale = iso_digits(code) - sent_digits(code)
    amount_minor, lost = (amount * _power_of_ten(scale), 0) if scale >= 0 else divmod(amount, _power_of_ten(-scale))
    if lost:
        raise ValueError(f"{amount} of {code} is not a whole number of its minor units")
    return Money(amount_minor=amount_minor, currency=code)


def _capabilities() -> Capabilities:
    currencies = ZERO_DECIMAL | WHOLE_BUT_SENT_TIMES_100 | THREE_DECIMAL | TWO_DECIMAL
    most = dict.fromkeys(currencies, MAXIMUM_SENT) | {"IDR": MAXIMUM_SENT_IDR}
    return Capabilities(
        currencies={code: accepted_digits(code) for code in sorted(currencies)},
        minimum_minor={code: Money.parse(least, code).amount_minor for code, least in MINIMUM_MAJOR.items()},
        maximum_minor={code: _floor_minor(sent, code) for code, sent in most.items()},
        key_life_seconds=24 * 3600,
    )


def _floor_minor(sent: int, currency: str) -> int:
    scale = iso_digits(currency) - sent_digits(currency)
    return sent * _power_of_ten(scale) if scale >= 0 else sent // _power_of_ten(-scale)


def _power_of_ten(exponent: int) -> int:
    return int(10**exponent)


CAPABILITIES: Final = _capabilities()
