"""Each entry by itself: balanced, complete, as it was posted, and named after an operation of its charge."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from ledger.proofs.amounts import shown
from ledger.proofs.booked import claims_of_a_gateway
from ledger.proofs.evidence import CurrencyTotal, EntryRow
from ledger.proofs.findings import Code, Finding

MEMO = "memo:"


def check_entries(entries: Iterable[EntryRow], operation_ids: Collection[str]) -> Iterator[Finding]:
    """Examine the entries of one charge; `operation_ids` are those of the charge."""
    for entry in entries:
        altered = list(_completeness(entry))
        yield from altered or _balance(entry)
        yield from _name(entry, operation_ids)


def imbalance(entry: EntryRow) -> Counter[tuple[str, bool]]:
    """Debits less credits by currency, with memo accounts apart; empty where the entry balances."""
    left: Counter[tuple[str, bool]] = Counter()
    for line in entry.lines:
        left[line.currency, line.account.startswith(MEMO)] += line.signed_minor
    return Counter({key: amount for key, amount in left.items() if amount})


def check_totals(totals: Sequence[CurrencyTotal], explained: Counter[tuple[str, bool]]) -> Iterator[Finding]:
    """Examine the trial balance; `explained` is what the unbalanced entries that were found are off by."""
    for total in totals:
        difference = total.debits_minor - total.credits_minor
        if difference != explained[total.currency, total.is_memo]:
            accounts = "memo accounts" if total.is_memo else "accounts"
            amount = shown(difference, total.currency)
            yield Finding(
                code=Code.TRIAL_BALANCE_DIFFERS,
                message=f"the debits of all {accounts} in {total.currency} exceed their credits by {amount}",
            )


def _balance(entry: EntryRow) -> Iterator[Finding]:
    left = imbalance(entry)
    if left:
        amounts = ", ".join(shown(amount, currency) for (currency, _), amount in sorted(left.items()))
        yield _finding(Code.ENTRY_UNBALANCED, entry, f"its debits exceed its credits by {amounts}")


def _completeness(entry: EntryRow) -> Iterator[Finding]:
    if len(entry.lines) != entry.line_count:
        yield _finding(Code.ENTRY_ALTERED, entry, f"it has {len(entry.lines)} of its {entry.line_count} lines")
        return
    debits: Counter[str] = Counter()
    for line in entry.lines:
        debits[line.currency] += line.amount_minor if line.side == "debit" else 0
    if debits != Counter(entry.totals):
        stored = ", ".join(shown(amount, currency) for currency, amount in sorted(entry.totals.items()))
        found = ", ".join(shown(amount, currency) for currency, amount in sorted(debits.items()))
        yield _finding(Code.ENTRY_ALTERED, entry, f"its debits sum to {found}, and it was posted with {stored}")


def _name(entry: EntryRow, operation_ids: Collection[str]) -> Iterator[Finding]:
    if entry.operation_id in operation_ids:
        name = entry.operation_id
        if entry.reference != name and not entry.reference.startswith(f"{name}:"):
            yield _finding(Code.ENTRY_MISNAMED, entry, f"it belongs to {name}")
    elif entry.operation_id is not None:
        yield _finding(Code.ENTRY_UNEXPLAINED, entry, f"its charge has no operation {entry.operation_id}")
    elif claims_of_a_gateway(entry):
        yield _finding(Code.ENTRY_UNEXPLAINED, entry, "it names no operation")


def _finding(code: Code, entry: EntryRow, reason: str) -> Finding:
    return Finding(
        code=code,
        message=f"entry {entry.reference}: {reason}",
        charge_id=entry.charge_id,
        operation_id=entry.operation_id,
        entry_reference=entry.reference,
    )
