"""Recomputes what a pack says from its CSV files, line by line: entries, balances, rules, clearing, approvals and seals.

Nothing here is shared with what writes packs. Memory grows with accounts, rules and charges that are not cleared.
"""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ledger.seals.signing import TrustedKeys

MOST_FAULTS = 100
FIELD_CHARACTERS = 50_000_000
ADJUSTMENT = "adjustment"
SEAL_PREFIX = b"quittance seal 1\n"

Row = dict[str, str]


class _EnoughError(Exception):
    """So many faults were found that more would tell nothing."""


@dataclass
class Totals:
    """What was recomputed."""

    faults: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def fault(self, what: str) -> None:
        """Keep a fault."""
        self.faults.append(what)
        if len(self.faults) >= MOST_FAULTS:
            raise _EnoughError


def recomputed(folder: Path, keys: TrustedKeys | None) -> Totals:
    """Recompute everything; a file that cannot be read is a fault too."""
    totals = Totals()
    csv.field_size_limit(FIELD_CHARACTERS)
    try:
        _Recomputation(folder, totals, keys).run()
    except _EnoughError:
        totals.faults.append("and perhaps more: it ends at so many")
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        totals.faults.append(f"a file has not the form that the README describes ({type(error).__name__}: {error})")
    return totals


class _Recomputation:
    def __init__(self, folder: Path, totals: Totals, keys: TrustedKeys | None) -> None:
        self._folder = folder
        self._totals = totals
        self._keys = keys
        self._debits: Counter[tuple[str, str]] = Counter()
        self._credits: Counter[tuple[str, str]] = Counter()
        self._rules: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._charges: Counter[tuple[str, str, str]] = Counter()
        self._by_hand: dict[str, list[Row]] = defaultdict(list)

    def run(self) -> None:
        """Read the lines with their entries, then hold every total against them."""
        self._check_entries()
        held = self._check_balances()
        self._check_rules()
        self._check_clearing(held)
        self._check_adjustments()
        self._check_seals()

    def _check_entries(self) -> None:
        """Read both files at once, in the order of the entries' numbers."""
        lines = self._read("lines.csv")
        line = next(lines, None)
        last = 0
        for entry in self._read("entries.csv"):
            number = int(entry["entry_id"])
            if number <= last:
                self._totals.fault(f"entries.csv: entry {number} is not in its place")
            last = number
            own = []
            while line is not None and int(line["entry_id"]) == number:
                own.append(line)
                line = next(lines, None)
            self._check_entry(entry, own)
        while line is not None:
            self._totals.fault(f"lines.csv: a line of entry {line['entry_id']} belongs to no entry of entries.csv")
            line = next(lines, None)

    def _check_entry(self, entry: Row, lines: list[Row]) -> None:
        name = entry["reference"]
        if len(lines) != int(entry["line_count"]):
            self._totals.fault(f"entry {name} has {len(lines)} lines in lines.csv, and states {entry['line_count']}")
        off: Counter[str] = Counter()
        for line in lines:
            amount = int(line["amount_minor"])
            sums = self._debits if line["side"] == "debit" else self._credits
            sums[line["account"], line["currency"]] += amount
            off[line["currency"]] += amount if line["side"] == "debit" else -amount
            of_rule = self._rules[entry["rule"], line["currency"]]
            of_rule[line["side"] != "debit"] += amount
            if line["account"].startswith("clearing:"):
                signed = amount if line["side"] == "debit" else -amount
                self._charges[line["account"], line["currency"], line["charge_id"]] += signed
        for currency in {line["currency"] for line in lines}:
            self._rules[entry["rule"], currency][2] += 1
            if off[currency]:
                self._totals.fault(f"entry {name} is off by {off[currency]} in {currency}")
        if entry["rule"] == ADJUSTMENT:
            self._by_hand[name] = lines

    def _check_balances(self) -> dict[tuple[str, str], list[int]]:
        """Return opening, movement and closing of each clearing account, positive as debits."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        clearing = {}
        for row in self._read("trial_balance.csv"):
            key = row["account"], row["currency"]
            sign = 1 if row["normal_side"] == "debit" else -1
            opening, closing = sign * int(row["opening_minor"]), sign * int(row["closing_minor"])
            debits, credits_ = int(row["debits_minor"]), int(row["credits_minor"])
            of_lines = self._debits.pop(key, 0), self._credits.pop(key, 0)
            if (debits, credits_) != of_lines:
                self._totals.fault(
                    f"trial_balance.csv: {key[0]} {key[1]} moved {debits}/{credits_}, its lines {of_lines[0]}/{of_lines[1]}"
                )
            if closing - opening != debits - credits_:
                self._totals.fault(
                    f"trial_balance.csv: {key[0]} {key[1]} went from {opening} to {closing}, and moved {debits - credits_}"
                )
            for place, value in enumerate((opening, debits - credits_, closing)):
                sums[key[1]][place] += value
            if key[0].startswith("clearing:"):
                clearing[key] = [opening, debits - credits_, closing]
        for account, currency in sorted({*self._debits, *self._credits}):
            self._totals.fault(f"trial_balance.csv has no row for {account} {currency}, which has lines")
        for currency, found in sorted(sums.items()):
            if any(found):
                self._totals.fault(f"trial_balance.csv: {currency} is off by {found[0]}, {found[1]} and {found[2]}")
        return clearing

    def _check_rules(self) -> None:
        for row in self._read("posting_rules.csv"):
            key = row["rule"], row["currency"]
            said = [int(row["debits_minor"]), int(row["credits_minor"]), int(row["entries"])]
            if said != (found := self._rules.pop(key, [0, 0, 0])):
                self._totals.fault(f"posting_rules.csv: {key[0]} {key[1]} is {said}, its lines are {found}")
        for rule, currency in sorted(self._rules):
            self._totals.fault(f"posting_rules.csv has no row for {rule} {currency}, which has lines")

    def _check_clearing(self, held: dict[tuple[str, str], list[int]]) -> None:
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        for row in self._read("clearing.csv"):
            key = row["account"], row["currency"]
            moved = int(row["debits_minor"]) - int(row["credits_minor"])
            found = self._charges.pop((*key, row["charge_id"]), 0)
            if moved != found:
                self._totals.fault(f"clearing.csv: charge {row['charge_id']} moved {moved} {key[1]}, its lines {found}")
            values = int(row["opening_minor"]), moved, int(row["closing_minor"])
            if values[0] + moved != values[2]:
                self._totals.fault(
                    f"clearing.csv: charge {row['charge_id']} went from {values[0]} to {values[2]} {key[1]}, and moved {moved}"
                )
            for place, value in enumerate(values):
                sums[key][place] += value
        for account, currency, charge in sorted(self._charges):
            self._totals.fault(f"clearing.csv has no row for charge {charge} on {account} {currency}")
        for key in sorted({*sums, *held}):
            if sums[key] != held.get(key, [0, 0, 0]):
                self._totals.fault(
                    f"clearing.csv: {key[0]} {key[1]} is {sums[key]} over its charges, and {held.get(key)} in the trial balance"
                )

    def _check_adjustments(self) -> None:
        approvals: dict[str, list[Row]] = defaultdict(list)
        for row in self._read("decisions.csv"):
            if row["decision"] == "approve":
                approvals[row["adjustment_id"]].append(row)
        for row in self._read("adjustments.csv"):
            name, entry = row["adjustment_id"], row["entry"]
            if sha256(entry.encode()).hexdigest() != row["entry_hash"]:
                self._totals.fault(f"adjustment {name}: the entry that was asked for is not the one of its hash")
            if row["state"] != "posted":
                continue
            persons = {one["person"].lower() for one in approvals[name] if one["seen_hash"] == row["entry_hash"]}
            if len(persons - {row["requester"].lower()}) < int(row["approvals_needed"]):
                self._totals.fault(
                    f"adjustment {name} was posted without the approvals of {row['approvals_needed']} other persons"
                )
            posted = self._by_hand.pop(row["posted_reference"], None)
            if posted is not None and _as_asked(entry) != [_as_posted(line) for line in posted]:
                self._totals.fault(f"adjustment {name}: what was posted is not what was approved")
        for reference in sorted(self._by_hand):
            self._totals.fault(f"entry {reference} was posted by hand, and adjustments.csv does not have it")

    def _check_seals(self) -> None:
        before: Row | None = None
        for row in self._read("seals.csv"):
            statement = row["statement"].encode()
            name = f"seal {row['number']}"
            if sha256(b"\x02" + statement).hexdigest() != row["digest"] or not statement.startswith(SEAL_PREFIX):
                self._totals.fault(f"{name}: its digest is not that of what was signed")
            said = json.loads(statement.removeprefix(SEAL_PREFIX))
            for column in ("number", "root", "previous_digest", "entry_count", "first_leaf", "last_leaf"):
                if str(said[column]) != row[column]:
                    self._totals.fault(f"{name}: {column} is not what was signed")
            if (
                before is not None
                and int(before["number"]) + 1 == int(row["number"])
                and before["digest"] != row["previous_digest"]
            ):
                self._totals.fault(f"{name} does not follow the one before it")
            before = row
            fingerprint, signature = bytes.fromhex(row["key_fingerprint"]), bytes.fromhex(row["signature"])
            if self._keys is not None and not self._keys.signed(fingerprint, statement, signature):
                self._totals.fault(f"{name}: no trusted key signed it")

    def _read(self, name: str) -> Iterator[Row]:
        count = 0
        with (self._folder / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, strict=True):
                count += 1
                yield row
        self._totals.rows[name] = count


def _as_asked(entry: str) -> list[tuple[str, str, str, int]]:
    return [
        (line["code"], line["side"], line["currency"], int(line["amount_minor"])) for line in json.loads(entry)["lines"]
    ]


def _as_posted(line: Row) -> tuple[str, str, str, int]:
    return line["account"], line["side"], line["currency"], int(line["amount_minor"])
