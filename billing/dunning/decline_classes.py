"""What a decline means for the days to come: seven classes, from the network's code, its advice and the gateway's code.

Data with a source and dates per row (`decline_classes.csv`), apart from routing's map of a session: days here, seconds
there. The network is trusted before an advice, an advice before the gateway; but whoever says "never" is believed. Only
a gateway's suspicion gives way to what those trusted before it say.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field

from billing.dunning import dated_rows
from billing.dunning.dated_rows import DatedRow
from billing.dunning.regions import is_in
from ledger.record import Record

DATA: Final = Path(__file__).with_name("decline_classes.csv")
ANY: Final = "any"
"""Rows of codes that mean the same at every gateway."""
BY_CODE: Final = "by_code"
"""Of an advice that leaves the class to the codes."""
SUSPECTED: Final = "suspected"
"""Of a gateway's code that puts its own word on a no: a never, unless the network's code or an advice says what it is."""


class DeclineClass(StrEnum):
    """What can be done about a decline."""

    NEVER = "never"
    """Nothing: another method is needed."""
    NEEDS_AUTHENTICATION = "needs_authentication"
    """Only the customer, present, can make it succeed."""
    FIX_DATA = "fix_data"
    """Only with corrected or renewed data, or another method."""
    WAIT_FOR_FUNDS = "wait_for_funds"
    """Later, when there is money."""
    GENERIC = "generic"
    """No reason that says when: at least a day apart, at varying hours."""
    TECHNICAL = "technical"
    """Nobody said no: minutes to hours."""
    UNKNOWN = "unknown"
    """No row knows any of its codes: treated as generic, and counted."""


class Scope(StrEnum):
    """What a "never" holds for."""

    CARD = "card"
    """The card, for all invoices, whatever is said of it later."""
    METHOD = "method"
    """This invoice with this method."""
    INVOICE = "invoice"
    """This invoice with any method: it may be paid already, so a person has to look."""


class Row(DatedRow):
    """A line of the data."""

    system: str = Field(pattern=r"^[a-z]+$")
    """Who speaks: a network or a gateway."""
    signal: str = Field(pattern=r"^(network|network_advice|advice|code)$")
    code: str = Field(min_length=1)
    decline_class: str = Field(
        pattern=rf"^({'|'.join(one for one in DeclineClass if one != DeclineClass.UNKNOWN)}|{BY_CODE}|{SUSPECTED})$"
    )
    holds_for: str = Field(pattern=rf"^({'|'.join(Scope)}|)$")
    wait_hours: str = Field(pattern=r"^(|[1-9][0-9]{0,2})$")


class Answer(Record):
    """What is kept of a gateway's no: the fields of a charge's outcome, as the gateways' port has them."""

    code: str
    advice: str | None = None
    network_code: str | None = None
    network_advice: str | None = None
    """Mastercard's merchant advice code, where the gateway hands it on."""


class Classified(NamedTuple):
    """A decline with its class."""

    decline_class: DeclineClass
    scope: Scope | None
    """Of a never; None for every other class."""
    wait: timedelta
    """Not before this much time has passed; zero where no advice says so."""
    why: str
    unknown: tuple[str, ...]
    """What no row knows, such as `visa network ZZ`: to be counted, since the data has to learn it."""


class DeclineClasses:
    """The data, looked up by who speaks, how and what."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Raises ValueError where rows contradict themselves or each other."""
        self._rows: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            others = self._rows.setdefault((row.system, row.signal, row.code), [])
            _refuse_contradictions(row, others)
            others.append(row)
        for others in self._rows.values():
            # What is said of one network or region goes before what is said of all.
            others.sort(key=lambda row: (not row.network, not row.region))
        self.longest_wait = timedelta(hours=max((int(row.wait_hours or 0) for row in self.rows), default=0))
        """Of all advices."""
        self._known = lru_cache(maxsize=4096)(self._looked_up)

    def classify(
        self, answer: Answer, *, gateway: str, network: str | None, country: str | None, at: datetime
    ) -> Classified:
        """Say what a decline means; `network` and `country` are the card's, `at` is when it was declined."""
        codes = (answer.network_code, answer.network_advice, answer.advice, answer.code)
        return self._known(codes, gateway, network or "", country, at.date())

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [row for rows in self._rows.values() for row in rows]

    def _looked_up(
        self, codes: tuple[str | None, ...], gateway: str, network: str, country: str | None, day: date
    ) -> Classified:
        network_code, network_advice, advice, code = codes
        if network_code == code:
            network_code = None  # PayPal's response code, said twice
        asked = [
            (network, "network", network_code),
            (network, "network_advice", network_advice),
            (gateway, "advice", advice),
            (gateway, "code", code),
        ]
        found: list[Row] = []
        unknown: list[str] = []
        for system, signal, said in asked:
            if not said:
                continue
            row = self._row((system, signal, said), network, country, day)
            if row is not None:
                found.append(row)
            else:
                unknown.append(f"{system or 'no network'} {signal} {said}")
        return _classified(found, tuple(unknown))

    def _row(self, said: tuple[str, str, str], network: str, country: str | None, day: date) -> Row | None:
        rows = self._rows.get(said) or self._rows.get((ANY, *said[1:])) or ()
        for row in rows:
            if row.network in {"", network} and is_in(country, row.region) and row.holds_on(day):
                return row
        return None


def _classified(found: list[Row], unknown: tuple[str, ...]) -> Classified:
    wait = timedelta(hours=max((int(row.wait_hours or 0) for row in found), default=0))
    nevers = [row for row in found if row.decline_class == DeclineClass.NEVER]
    if nevers:
        widest = min(nevers, key=lambda row: [Scope.INVOICE, Scope.CARD, Scope.METHOD].index(Scope(row.holds_for)))
        return Classified(DeclineClass.NEVER, Scope(widest.holds_for), wait, _why(widest), unknown)
    for row in found:
        if row.decline_class == SUSPECTED:
            return Classified(DeclineClass.NEVER, Scope(row.holds_for), wait, _why(row), unknown)
        if row.decline_class != BY_CODE:
            return Classified(DeclineClass(row.decline_class), None, wait, _why(row), unknown)
    return Classified(DeclineClass.UNKNOWN, None, wait, f"no rule knows {' or '.join(unknown)}", unknown)


def _why(row: Row) -> str:
    return f"{row.system} {row.code}: {row.note}"


def _refuse_contradictions(row: Row, others: list[Row]) -> None:
    name = f"{row.system} {row.signal} {row.code}"
    if (row.decline_class in {DeclineClass.NEVER, SUSPECTED}) != bool(row.holds_for):
        raise ValueError(f"{name} says never without what it holds for, or the reverse: give both or none")
    if row.decline_class == BY_CODE and row.signal == "code":
        raise ValueError(f"{name} leads nowhere: only an advice can leave the class to the codes")
    if row.decline_class == SUSPECTED and row.signal != "code":
        raise ValueError(f"{name} is a suspicion of a network or an advice: only a gateway's code can be one")
    for other in others:
        if (other.network, other.region) == (row.network, row.region) and row.meets(other):
            raise ValueError(f"{name} is in the decline classes twice for the same time: end the earlier row")


def read(path: Path = DATA) -> DeclineClasses:
    """Read the data; raises ValueError where a line cannot be used."""
    return DeclineClasses(dated_rows.read(path, Row))


DECLINE_CLASSES: Final = read()
"""The classes that the project ships."""
