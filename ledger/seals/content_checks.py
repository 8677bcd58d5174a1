"""What must be so of one entry and its lines, sealed or not: checked from the rows alone, by code of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def fault_of(entry: Row, lines: Sequence[Row], accounts: Mapping[int, Row]) -> str | None:
    """Say what is wrong with an entry, as the end of a sentence; None where nothing is."""
    if len(lines) != entry["line_count"]:
        return f"has {len(lines)} of its {entry['line_count']} lines"
    debits: dict[str, int] = defaultdict(int)
    left: dict[tuple[str, bool], int] = defaultdict(int)
    for number, line in enumerate(lines, 1):
        account = accounts.get(line["account_id"])
        fault = _fault_of_line(number, line, account)
        if fault is not None:
            return fault
        amount, currency = line["amount_minor"], line["currency"]
        group = (currency, account is not None and account["type"] == "memo")
        if line["side"] == "debit":
            debits[currency] += amount
            left[group] += amount
        else:
            debits[currency] += 0
            left[group] -= amount
    for (currency, is_memo), difference in left.items():
        if difference:
            which = "memo accounts" if is_memo else "debits and credits"
            return f"does not balance: its {which} in {currency} are off by {difference}"
    if debits != entry["totals"]:
        return f"states totals of {dict(entry['totals'])}, and its debits are {dict(debits)}"
    return None


def _fault_of_line(number: int, line: Row, account: Row | None) -> str | None:
    if line["line_number"] != number:
        return f"has a line {line['line_number']} where line {number} should be"
    if account is None:
        return f"names account {line['account_id']} in line {number}, which is not there"
    if account["currency"] != line["currency"]:
        return f"has {line['currency']} in line {number} on account {account['code']}, which is kept in {account['currency']}"
    if line["side"] not in {"debit", "credit"} or line["amount_minor"] <= 0:
        return f"has no debit or credit of a positive amount in line {number}"
    return None
