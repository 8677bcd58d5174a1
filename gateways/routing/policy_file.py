"""Reads a policy file: YAML with the line of each value; anything unknown is refused, and nothing is used by half."""

from collections.abc import Collection
from pathlib import Path

from gateways.routing.errors import PolicyFault
from gateways.routing.policy import Policies
from gateways.routing.policy_faults import faults_of
from ledger import lined_yaml
from ledger.lined_yaml import FileFault, Kind

KIND = Kind("policy", "write at least one edition, as docs/routing.md shows", "[stripe, paypal]")


def read(path: Path, gateways: Collection[str]) -> Policies:
    """Read a policy file; `gateways` are those that there are. Raises PolicyFault with a line for each fault."""
    try:
        text = lined_yaml.read_text(path, KIND.noun)
    except FileFault as error:
        raise PolicyFault(*error.lines) from None
    return parse(text, str(path), gateways)


def parse(text: str, source: str, gateways: Collection[str]) -> Policies:
    """Read the text of a policy file; `source` is its name in messages. Raises PolicyFault."""
    try:
        return lined_yaml.parse(text, source, KIND, Policies, lambda policies: faults_of(policies, gateways))
    except FileFault as error:
        raise PolicyFault(*error.lines) from None
