"""Says what PostgreSQL refused, in the words of billing: each rule of the tables is a line that a person can read."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from billing.errors import ChangeRefused
from ledger import refusals


@contextmanager
def said_of(kind: str, name: str) -> Iterator[None]:
    """Raise ChangeRefused where a rule of the tables is against what is done to the one of this kind and name."""
    try:
        yield
    except DBAPIError as error:
        rule = refusals.rule_of(error.orig)
        if rule is None:
            raise
        raise ChangeRefused(kind, name, rule.hint or rule.message or rule.name) from error
