"""Segments: the charges that are like one another, from the finest to the coarsest."""

from typing import NamedTuple


class Segment(NamedTuple):
    """Charges with these properties; None stands for any."""

    currency: str | None = None
    brand: str | None = None
    card_country: str | None = None


ALL = Segment()


def segments_of(currency: str, brand: str | None, card_country: str | None) -> tuple[Segment, ...]:
    """List the segments that a charge is in, the finest first; what is not known of the card makes no segment."""
    found = [Segment(currency), ALL]
    if brand is not None:
        found.insert(0, Segment(currency, brand))
        if card_country is not None:
            found.insert(0, Segment(currency, brand, card_country))
    elif card_country is not None:
        found.insert(0, Segment(currency, None, card_country))
    return tuple(found)
