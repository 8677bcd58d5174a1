"""Reads a policy file: YAML that is held against the model of a policy, with the line of each fault."""

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from gateways.routing.errors import PolicyFault
from gateways.routing.policy import Policies
from gateways.routing.policy_faults import faults_of
from ledger import yaml_file
from ledger.yaml_file import Misread

MAX_BYTES = 262_144


def read(path: Path, gateways: Collection[str]) -> Policies:
    """Read a policy file; `gateways` are those that there are. Raises PolicyFault with a line for each fault."""
    try:
        text = yaml_file.read(path, "policy", MAX_BYTES)
    except Misread as error:
        raise PolicyFault(str(error)) from None
    return parse(text, str(path), gateways)


def parse(text: str, source: str, gateways: Collection[str]) -> Policies:
    """Read the text of a policy file; `source` is its name in messages. Raises PolicyFault."""
    try:
        content = yaml_file.parse(text, source, "write at least one edition, as docs/routing.md shows")
    except Misread as error:
        raise PolicyFault(str(error)) from None
    try:
        policies = Policies.model_validate(content.plain)
    except ValidationError as error:
        raise PolicyFault(*content.of_model(error.errors(include_input=False, include_url=False))) from None
    contradictions = [(fault.place, fault.message) for fault in faults_of(policies, gateways)]
    if contradictions:
        raise PolicyFault(*content.listed(contradictions))
    return policies
