"""The README of a pack: what each file is, in plain words, for somebody who has nothing but the folder."""

from ledger.evidence import tables
from ledger.evidence.contents import ANCHOR, RECONCILIATION, PackedPeriod
from ledger.evidence.folder import OF_PERIOD, Folder

README = "README.md"
PROTECTION = "protection.json"
VERIFICATION = "verification.json"
FEES = "fees.csv"
_TABLES = (
    *(tables.ENTRIES, tables.LINES, tables.TRIAL_BALANCE, tables.RULES, tables.CLEARING, tables.ADJUSTMENTS),
    *(tables.DECISIONS, tables.PERIOD_CHANGES, tables.ACCOUNT_CHANGES, tables.PEOPLE, tables.SEALS, tables.OPERATIONS),
)
_ABOUT = {
    **{file.name: file.about for file in _TABLES},
    ANCHOR: "the last of these seals as an anchor: `ledger verify --anchor` says whether the books still lead to it",
    RECONCILIATION: "which sums were held against each other when the pack was written, and what differed",
    PROTECTION: "who may do what in the database, its guards and settings, when the pack was written",
    VERIFICATION: "what the verification of all seals said when the pack was written",
    FEES: "the fee of each capture in the days of the period as the gateway reported it, beside what the fee rules expected",
}
_TEXT = """# Evidence pack: the books of {name}

The period {name} is the days from {starts_on} to {ends_on} (UTC); it is {state}.{may_change} An entry belongs to the period in whose books it
stands (`event_at` says when the fact happened, `recorded_at` when it was written down).

## Files

{files}

`manifest.json` has the SHA-256, the size and the number of rows of each file, and says when and by whom the pack was made. `manifest.sig.json`, where it is there, is
the signature over it, made with the key that seals the journal.

## How to read them

- CSV files are UTF-8 with the names of the columns in the first row. Amounts are whole numbers of the smallest unit of their currency (`..._minor`); beside each is the same in major units.
- Balances are positive on the normal side of their account. Times are UTC. Hashes and signatures are hexadecimal.
- A text that a spreadsheet would take for a formula begins with an apostrophe.
- Files marked *period* are the same byte for byte whenever a pack of this period is written, as long as it stays closed and all of it is sealed. Those marked *moment* say how things stood at the time of writing.
- The bodies of the gateways' webhooks are in no pack: they may hold what is personal.

## How to check it

`python starter.py ledger evidence verify FOLDER` recomputes every hash and, with code of its own, every total from the CSV files: what was changed, is missing or was added is named.
It needs no database; with the public key of the seals (`--public-key`) it checks the signatures too. Without a signature, keep the hash of `manifest.json` elsewhere: who can change a file can change an unsigned manifest.
"""


def write(folder: Folder, packed: PackedPeriod) -> None:
    """Write it over the files that are there."""
    listed = [f"| `{name}` | {_ABOUT[name]} | {about['of']} |" for name, about in folder.files.items()]
    content = _TEXT.format(
        name=packed.name,
        starts_on=packed.starts_on,
        ends_on=packed.ends_on,
        state=packed.state,
        may_change="" if packed.state == "closed" else " **It is not closed, so its figures can still change.**",
        files="\n".join(["| file | what it is | of |", "|---|---|---|", *listed]),
    )
    folder.text(README, content, of=OF_PERIOD)
