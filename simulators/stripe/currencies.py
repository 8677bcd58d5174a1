"""Currencies as Stripe takes them: decimal places, smallest and largest charges, and how they differ from ISO 4217.

Source: docs.stripe.com/currencies. ISK and UGX are sent with two decimal places that must be zero; the currencies
with three decimal places must end in 0.
"""

from decimal import ROUND_HALF_UP, Decimal

from simulators.stripe.errors import InvalidParameter, too_small_integer

_TWO_DECIMAL = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc "
    "cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd kes kgs "
    "khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen "
    "pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx "
    "usd uyu uzs wst xcd yer zar zmw"
)
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMAL = "bhd jod kwd omr tnd"

DIGITS = {
    **dict.fromkeys(_TWO_DECIMAL.split(), 2),
    **dict.fromkeys(_ZERO_DECIMAL.split(), 0),
    **dict.fromkeys(_THREE_DECIMAL.split(), 3),
}
"""Decimal places of an amount in Stripe's API."""
_ISO_DIGITS = {**DIGITS, "isk": 0, "ugx": 0, "mga": 2}
_STEP = {"isk": 100, "ugx": 100, **dict.fromkeys(_THREE_DECIMAL.split(), 10)}
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
MINIMUM = {
    "usd": 50,
    "aed": 200,
    "aud": 50,
    "bgn": 100,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
}
"""Smallest charge, where one is documented, in Stripe's units."""


def check(currency: str) -> str:
    """The code in lower case; raises InvalidParameter for a currency that Stripe does not take."""
    code = currency.lower()
    if code not in DIGITS:
        raise InvalidParameter(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(sorted(DIGITS))}",
            param="currency",
        )
    return code


def check_charge(amount: int, currency: str) -> None:
    """Refuse an amount that cannot be charged."""
    check_step(amount, currency, "amount")
    least = MINIMUM.get(currency, 1)
    most = 10 ** (12 if currency == "idr" else 8) - 1
    if amount < least:
        raise InvalidParameter(
            f"Amount must be at least {shown(least, currency)}", code="amount_too_small", param="amount"
        )
    if amount > most:
        raise InvalidParameter(
            f"Amount must be no more than {shown(most, currency)}", code="amount_too_large", param="amount"
        )


def check_step(amount: int, currency: str, param: str) -> None:
    """Refuse an amount below one, or with digits that the currency cannot have at Stripe."""
    if amount < 1:
        raise too_small_integer(param)
    step = _STEP.get(currency, 1)
    if amount % step:
        raise InvalidParameter(
            f"Invalid amount: amounts in {currency} must be divisible by {step}, and {amount} is not.", param=param
        )


def iso_minor(amount: int, currency: str) -> int:
    """Stripe's amount in ISO 4217 minor units."""
    return int(Decimal(amount).scaleb(_ISO_DIGITS[currency] - DIGITS[currency]))


def from_iso_minor(amount_minor: int, currency: str) -> int:
    """ISO 4217 minor units in Stripe's; raises ValueError for an amount that the currency cannot have there."""
    amount = Decimal(amount_minor).scaleb(DIGITS[currency] - _ISO_DIGITS[currency])
    if amount % _STEP.get(currency, 1):
        raise ValueError(f"{amount_minor} minor units of {currency} are no amount that Stripe takes")
    return int(amount)


def rounded(amount: Decimal, currency: str) -> int:
    """The nearest amount that the currency can have at Stripe, halves away from zero."""
    step = _STEP.get(currency, 1)
    return int((amount / step).quantize(Decimal(1), rounding=ROUND_HALF_UP)) * step


def major(amount: int, currency: str) -> Decimal:
    """In major units: 4999 in usd is 49.99."""
    return Decimal(amount).scaleb(-DIGITS[currency])


def shown(amount: int, currency: str) -> str:
    """For people: `$49.99`, `5.000 KWD`."""
    value = f"{major(amount, currency):,.{DIGITS[currency]}f}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{value}" if symbol else f"{value} {currency.upper()}"
