"""The sums of what is written into a pack, kept while the rows go by, and held against the totals of the database. Pure.

Memory grows with accounts and posting rules, not with entries.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

MOST_NAMED = 20
"""Differences of one check that are named."""

Key = tuple[str, str]
Row = Mapping[str, Any]


class Tally:
    """Sees the rows of the files one by one."""

    def __init__(self) -> None:
        self._checks = {name: _Check(name) for name in CHECKS}
        self._moved: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
        self._ruled: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
        self._cleared: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._balances: dict[Key, list[int]] = {}
        self._entry: tuple[int, str] | None = None
        self._of_entry: Counter[str] = Counter()
        self.sealed = self.unsealed = 0

    def entry(self, row: Row) -> None:
        """See a row of the entries."""
        self.sealed += row["seal"] is not None
        self.unsealed += row["seal"] is None

    def line(self, row: Row) -> None:
        """See a row of the lines, which come entry by entry."""
        if self._entry is None or self._entry[0] != row["entry_id"]:
            self._end_entry()
            self._entry = (row["entry_id"], row["reference"])
        amount, is_debit = int(row["amount_minor"]), row["side"] == "debit"
        self._of_entry[row["currency"]] += amount if is_debit else -amount
        self._moved[row["account"], row["currency"]][not is_debit] += amount
        self._ruled[row["rule"], row["currency"]][not is_debit] += amount

    def balance(self, row: Row) -> None:
        """See a row of the trial balance, after the lines."""
        key = (row["account"], row["currency"])
        opening, debits, credits_, closing = (int(row[name]) for name in _SUMS)
        self._balances[key] = [opening, debits, credits_, closing]
        sign = 1 if row["normal_side"] == "debit" else -1
        self._checks[MOVEMENT].see(f"{key[0]} {key[1]}", closing - opening, sign * (debits - credits_))
        self._checks[LINES].see(f"{key[0]} {key[1]}", [debits, credits_], self._moved.pop(key, [0, 0]))

    def rule(self, row: Row) -> None:
        """See a row of the posting rules, after the lines."""
        key = (row["rule"], row["currency"])
        found = [int(row["debits_minor"]), int(row["credits_minor"])]
        self._checks[RULES].see(" ".join(key), found, self._ruled.pop(key, [0, 0]))

    def charge(self, row: Row) -> None:
        """See a row of the clearing accounts."""
        opening, debits, credits_, closing = (int(row[name]) for name in _SUMS)
        sums = self._cleared[row["account"], row["currency"]]
        for place, value in enumerate((opening, debits - credits_, closing)):
            sums[place] += value

    def reconciliation(self) -> dict[str, Any]:
        """Say what was compared, and what differs; call it once, at the end."""
        self._end_entry()
        for kind, left in ((LINES, self._moved), (RULES, self._ruled)):
            for key, sums in sorted(left.items()):
                self._checks[kind].see(" ".join(key), [0, 0], sums)
        currencies = self._currencies()
        self._compare_clearing()
        checks = [check.said() for check in self._checks.values()]
        return {
            "reconciled": not any(check["differing"] for check in checks),
            "currencies": currencies,
            "checks": checks,
        }

    def _end_entry(self) -> None:
        if self._entry is not None:
            off = {currency: sum_ for currency, sum_ in self._of_entry.items() if sum_}
            self._checks[ENTRIES].see(self._entry[1], off, {})
        self._of_entry.clear()

    def _currencies(self) -> list[dict[str, Any]]:
        sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (_, currency), (_, debits, credits_, _) in self._balances.items():
            sums[currency][0] += debits
            sums[currency][1] += credits_
        for currency, (debits, credits_) in sorted(sums.items()):
            self._checks[CURRENCIES].see(currency, debits, credits_)
        return [
            {"currency": currency, "debits_minor": debits, "credits_minor": credits_}
            for currency, (debits, credits_) in sorted(sums.items())
        ]

    def _compare_clearing(self) -> None:
        for key, (opening, debits, credits_, closing) in sorted(self._balances.items()):
            if key[0].startswith("clearing:"):
                charges = self._cleared.pop(key, [0, 0, 0])
                self._checks[CLEARING].see(" ".join(key), charges, [opening, debits - credits_, closing])
        for key, sums in sorted(self._cleared.items()):
            self._checks[CLEARING].see(" ".join(key), sums, [0, 0, 0])


_SUMS = ("opening_minor", "debits_minor", "credits_minor", "closing_minor")
ENTRIES = "every entry balances in each currency"
CURRENCIES = "in each currency the debits of all accounts are the credits"
MOVEMENT = "of each account the closing balance less the opening one is what moved"
LINES = "of each account the debits and credits are the sums of its lines"
RULES = "of each posting rule the debits and credits are the sums of its lines"
CLEARING = "of each clearing account opening balance, movement and closing balance are the sums over its charges"
CHECKS = (ENTRIES, CURRENCIES, MOVEMENT, LINES, RULES, CLEARING)


class _Check:
    """A comparison of many things of one kind."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._compared = 0
        self._differing = 0
        self._named: list[dict[str, Any]] = []

    def see(self, what: str, found: object, expected: object) -> None:
        self._compared += 1
        if found != expected:
            self._differing += 1
            if len(self._named) < MOST_NAMED:
                self._named.append({"what": what, "found": found, "expected": expected})

    def said(self) -> dict[str, Any]:
        return {
            "check": self._name,
            "compared": self._compared,
            "differing": self._differing,
            "first_differences": self._named,
        }
