"""Recognise what looks like a card number, so that it can be refused at every entrance (PCI DSS 4.0.1, 3.3 and 3.5).

A run of 13 to 19 digits, also with blanks or dashes between them, that starts like a card and passes the Luhn check.
"""

import re

_DIGITS = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_HEX_IDENTIFIER = re.compile(r"[0-9a-fA-F-]{24,}")
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[0-9]|6[0-9]")
"""First digits of Visa, Mastercard, American Express, Diners, JCB, Discover, Maestro and UnionPay numbers."""


def looks_like_card_number(text: str) -> bool:
    """Whether `text` holds a card number; digits inside a long hexadecimal identifier do not count."""
    return any(_is_card(match.group()) for match in _DIGITS.finditer(_HEX_IDENTIFIER.sub(_keep_if_decimal, text)))


def _keep_if_decimal(match: re.Match[str]) -> str:
    return "" if re.search("[a-fA-F]", match.group()) else match.group()


def _is_card(candidate: str) -> bool:
    digits = [int(character) for character in candidate if character.isdigit()]
    if not _ISSUERS.match("".join(map(str, digits))):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
