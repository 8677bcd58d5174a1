"""Reads a dunning policy: YAML with the line of each value; anything unknown is refused, and nothing is used by half."""

from pathlib import Path
from typing import Final

from billing.dunning.errors import DunningPolicyFault
from billing.dunning.policy import Policies
from billing.dunning.policy_faults import faults_of
from ledger import lined_yaml
from ledger.lined_yaml import FileFault, Kind

KIND: Final = Kind("dunning policy", "write at least one edition, as docs/dunning.md shows", "[1, 3, 7]")
DEFAULT: Final = Path(__file__).with_name("default_policy.yaml")
"""The policy that the project ships."""


def read(path: Path = DEFAULT) -> Policies:
    """Read a policy file. Raises DunningPolicyFault with a line for each fault."""
    try:
        text = lined_yaml.read_text(path, KIND.noun)
    except FileFault as error:
        raise DunningPolicyFault(*error.lines) from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Policies:
    """Read the text of a policy file; `source` is its name in messages. Raises DunningPolicyFault."""
    try:
        return lined_yaml.parse(text, source, KIND, Policies, faults_of)
    except FileFault as error:
        raise DunningPolicyFault(*error.lines) from None
