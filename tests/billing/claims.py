"""Claims of tries as PostgreSQL answers them, over a plain connection each, so that any number of processes can race."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CARD = f"card_{0:032x}"
GATE = 36
CLAIM = "SELECT granted, next_at, why FROM claim_card_try(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
SETTLE = "SELECT settle_card_try(%s, %s, %s, %s, %s, NULL, NULL, NULL)"
OUTCOMES = {
    "approved": (True, True, False),
    "refused": (False, True, False),
    "technical": (False, True, True),
    "unreachable": (False, False, True),
}
"""How a try is settled: approved, at the network, technical."""


class Answer(NamedTuple):
    """What a claim is told."""

    granted: bool
    next_at: datetime | None
    why: str | None


class Guard:
    """The guard, over one connection on which each statement is a transaction."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection

    def claim(
        self,
        operation: str,
        at: datetime = NOW,
        *,
        card: str = CARD,
        network: str | None = "visa",
        country: str | None = "US",
        amount_minor: int = 100,
        ours: bool = False,
    ) -> Answer:
        """Ask for a try."""
        charge = operation.partition(":")[0]
        values = [operation, charge, card, network, country, amount_minor, "USD", at, ours]
        [row] = self.connection.execute(CLAIM, values).fetchall()
        return Answer(*row)

    def settle(self, operation: str, outcome: str, never_because: str | None = None) -> bool:
        """Say what came of a try."""
        [(is_news,)] = self.connection.execute(SETTLE, [operation, *OUTCOMES[outcome], never_because]).fetchall()
        return bool(is_news)

    def tried(self, operation: str, at: datetime = NOW, outcome: str = "refused", **asked: Any) -> None:
        """Claim a try that has to be granted, and settle it."""
        assert self.claim(operation, at, **asked).granted
        self.settle(operation, outcome)

    def count(self, card: str = CARD) -> int:
        """How many tries of a card there are."""
        [(count,)] = self.connection.execute("SELECT count(*) FROM card_tries WHERE card = %s", [card]).fetchall()
        return int(count)


def claimed(url: str, operations: Sequence[str]) -> list[str]:
    """Claim each, over one connection, and return those that were granted; what is cut off is asked for again.

    The first waits at a gate, so that all begin together; what is granted stays uncommitted for a moment, as a charge's is.
    """
    granted: list[str] = []
    waiting = list(operations)
    while waiting:
        try:
            with psycopg.connect(url) as connection:
                connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [GATE])
                connection.commit()
                guard = Guard(connection)
                while waiting:
                    answer = guard.claim(waiting[-1])
                    if answer.granted:
                        connection.execute("SELECT pg_sleep(0.02)")
                    connection.commit()
                    granted += [waiting[-1]] if answer.granted else []
                    waiting.pop()
        except psycopg.OperationalError:
            continue
    return granted


def claimed_at_once(url: str, operations: Sequence[str], connections: int) -> list[str]:
    """Claim them over several connections of one process at the same time."""
    shares = [operations[number::connections] for number in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        return [each for granted in pool.map(claimed, [url] * connections, shares) for each in granted]
