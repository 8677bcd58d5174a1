"""Services that use ours over HTTP, as data: their keys, as hashes only, the accounts that they may move, the facts, the events.

What posting rules book is never a service's to move by hand: a gateway's facts, the exchange, what was paid for credits.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ledger.accounts import ANY, BOOKED_BY_RULES, bank, wallet
from ledger.lined_yaml import Fault, Place

KEY_PREFIX = "qk_"
KEY_BYTES = 32
LOCAL_KEY = "qk_local"
"""Of the local system; everybody knows it, which is why it is refused elsewhere."""
TAKEN = ("adjustment", "hold")
"""References of other things begin so."""
RESERVED = tuple(account.code for account in BOOKED_BY_RULES if account not in {wallet(ANY), bank(ANY)})

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Pattern = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:([A-Za-z0-9_.-]+|\*))+$", max_length=200)]


class FactKind(StrEnum):
    """What the books may be told in the words of a posting rule, which has the lines."""

    CONVERSIONS = "conversions"
    CREDIT_PURCHASES = "credit_purchases"
    CREDIT_SPENDINGS = "credit_spendings"


class Service(BaseModel):
    """A service, and what it may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    keys: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=10)]
    """SHA-256 of each key; two of them while one takes the place of the other."""
    accounts: Annotated[tuple[Pattern, ...], Field(max_length=100)] = ()
    """Codes of accounts; `*` stands for any one part."""
    facts: Annotated[tuple[FactKind, ...], Field(max_length=len(FactKind))] = ()
    reads_events: bool = False
    """Whether it may read what merchants' systems are told of customers and their invoices."""

    @property
    def actor(self) -> str:
        """Who it is in the books."""
        return f"service:{self.name}"

    @property
    def prefix(self) -> str:
        """How the references of its entries begin, so that it never takes another's."""
        return f"{self.name}/"

    @property
    def id_prefix(self) -> str:
        """How the ids of its facts begin."""
        return f"{self.name}."

    def may_move(self, code: str) -> bool:
        """Whether an account is among its own."""
        return any(_fits(pattern, code) for pattern in self.accounts)


class Services(BaseModel):
    """All of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    services: Annotated[tuple[Service, ...], Field(max_length=200)]

    def by_key(self, key: str) -> Service | None:
        """Find whose key it is, or None; each is compared, in a time that says nothing of any."""
        given = digest(key)
        found = None
        for service in self.services:
            for known in service.keys:
                if hmac.compare_digest(known, given):
                    found = service
        return found

    @property
    def knows_local_key(self) -> bool:
        """Whether the key that everybody knows opens it."""
        return self.by_key(LOCAL_KEY) is not None


def new_key() -> str:
    """Make a key; nobody guesses it, so that its hash needs no salt and no slowness."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def digest(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def faults_of(read: Services) -> Iterator[Fault]:
    """List what is wrong with services beside each other and the posting rules."""
    names: set[str] = set()
    keys: set[str] = set()
    for number, service in enumerate(read.services):
        place: Place = ("services", number)
        if service.name in names:
            yield Fault((*place, "name"), f"there are two services {service.name}: rename one")
        if service.name in TAKEN:
            yield Fault((*place, "name"), f"{service.name} is what references of other things begin with: take another")
        names.add(service.name)
        for position, key in enumerate(service.keys):
            if key in keys:
                yield Fault((*place, "keys", position), "this key is listed twice: each is one service's, once")
            keys.add(key)
        if not service.accounts and not service.reads_events:
            yield Fault(place, f"{service.name} may do nothing: name its accounts, or give it `reads_events: true`")
        yield from _reserved(service.accounts, place)


def _reserved(patterns: Iterable[str], place: Place) -> Iterator[Fault]:
    for position, pattern in enumerate(patterns):
        taken = next((code for code in RESERVED if _overlap(pattern, code)), None)
        if taken is not None:
            yield Fault(
                (*place, "accounts", position),
                f"{pattern} takes in {taken.replace(ANY, '*')}, which posting rules book: name accounts of its own",
            )


def _fits(pattern: str, code: str) -> bool:
    wanted, parts = pattern.split(":"), code.split(":")
    return len(wanted) == len(parts) and all(one in {"*", part} for one, part in zip(wanted, parts, strict=True))


def _overlap(pattern: str, reserved: str) -> bool:
    """Whether some code fits both; a reserved one has `ANY` for a part, or at the end of one."""
    wanted, parts = pattern.split(":"), reserved.split(":")
    return len(wanted) == len(parts) and all(
        one == "*" or re.fullmatch(re.escape(part).replace(ANY, ".+"), one) is not None
        for one, part in zip(wanted, parts, strict=True)
    )
