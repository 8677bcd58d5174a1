"""Regions of network rules: an ISO country, or one that the data (`regions.csv`) names with its countries."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).with_name("regions.csv")


def read(path: Path = DATA) -> Mapping[str, frozenset[str]]:
    """Read the data: the countries of each region."""
    with path.open(newline="", encoding="utf-8") as file:
        return {line["region"]: frozenset(line["countries"].split()) for line in csv.DictReader(file)}


NAMED: Final = read()


def is_in(country: str | None, region: str) -> bool:
    """Whether a card's country is in a region; every country is in the empty one, and an unknown one in no other."""
    return not region or country == region or country in NAMED.get(region, frozenset())
