"""Reads a file of fee rules, with the line of each fault; a file with one is refused whole."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from ledger import editions, lined_yaml
from ledger.fee_rules import FeeEdition, FeeRules
from ledger.lined_yaml import Fault, Kind, Place

KIND: Final = Kind("fee rule", "write at least one edition, as docs/ledger.md shows", "[stripe, paypal]")


def read(path: Path, gateways: Collection[str]) -> FeeRules:
    """Read a file of fee rules; `gateways` are those that there are. Raises FileFault with a line for each fault."""
    return parse(lined_yaml.read_text(path, KIND.noun), str(path), gateways)


def parse(text: str, source: str, gateways: Collection[str]) -> FeeRules:
    """Read the text of such a file; `source` is its name in messages. Raises FileFault."""
    return lined_yaml.parse(text, source, KIND, FeeRules, lambda read: _faults_of(read, gateways))


def _faults_of(read: FeeRules, gateways: Collection[str]) -> Iterator[Fault]:
    yield from editions.faults(read.editions)
    for number, edition in enumerate(read.editions):
        place: Place = ("editions", number, "rules")
        yield from _unknown_gateways(edition, place, gateways)
        yield from _rules_in_each_others_way(edition, place)


def _unknown_gateways(edition: FeeEdition, place: Place, gateways: Collection[str]) -> Iterator[Fault]:
    for number, rule in enumerate(edition.rules):
        for position, name in enumerate(rule.when.gateway or ()):
            if name not in gateways:
                exact = (*place, number, "when", "gateway", position)
                yield Fault(exact, f"there is no gateway {name}: use {' or '.join(gateways)}")


def _rules_in_each_others_way(edition: FeeEdition, place: Place) -> Iterator[Fault]:
    for number, rule in enumerate(edition.rules):
        for earlier in edition.rules[:number]:
            if earlier.name == rule.name:
                yield Fault((*place, number, "name"), f"there are two rules {rule.name}: rename one")
            elif earlier.when.include(rule.when):
                message = (
                    f"rule {rule.name} is never reached, since rule {earlier.name} above it takes all its purchases: "
                    "move it up or leave it out"
                )
                yield Fault((*place, number, "name"), message)
                break
