"""Regions of network rules: an ISO country, or one of the names here.

Members of Visa's Europe region and the countries of CEMEA that issue most cards there, by Visa's rules of 18 April 2026.
"""

from typing import Final

EUROPE: Final = frozenset(
    (
        "AD AT BE BG CH CY CZ DE DK EE ES FI FO FR GB GI GR HR HU IE IL IM IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK "
        "SM TR VA"
    ).split()
)
CEMEA: Final = frozenset(
    (
        "AE AL AM AZ BA BH BW BY CI CM DZ EG ET GE GH JO KE KW KZ LB LY MA MD ME MG MK ML MU MZ NA NG OM PK QA RS RU RW SA "
        "SN TN TZ UA UG UZ ZA ZM ZW"
    ).split()
)
NAMED: Final = {"europe": EUROPE, "cemea": CEMEA}


def is_in(country: str | None, region: str) -> bool:
    """Whether a card's country is in a region; every country is in the empty one, and an unknown one in no other."""
    if not region:
        return True
    return country == region or country in NAMED.get(region, frozenset())
