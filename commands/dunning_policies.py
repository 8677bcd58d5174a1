"""Reads the policies of dunning: a file that was named, else that of DUNNING_POLICY, else the one that ships."""

from datetime import datetime
from pathlib import Path

from billing.dunning import policy_file
from billing.dunning.errors import DunningPolicyFault
from billing.dunning.policy import Edition, Policies
from commands import connections
from commands.errors import WrongUse


def of_settings() -> Policies:
    """Read those that new recoveries go by; raises WrongUse with a line for each fault."""
    return read(connections.load_settings().dunning_policy)


def read(file: str | None) -> Policies:
    """Read a file, or the policy that ships; raises WrongUse with a line for each fault."""
    try:
        return policy_file.read(Path(file)) if file else policy_file.read()
    except DunningPolicyFault as error:
        raise WrongUse(*error.lines) from None


def edition_at(policies: Policies, moment: datetime) -> Edition:
    """Return the edition in force; raises WrongUse where there is none yet."""
    try:
        return policies.at(moment)
    except DunningPolicyFault as error:
        raise WrongUse(*error.lines) from None
