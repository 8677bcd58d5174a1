"""The bytes, hashes and trees of the seals once more, for verifying: nothing here is shared with what makes the seals.

What they are is described in docs/ledger.md; two programs that agree on it are worth more than one that agrees with itself.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import RowMapping

Row = dict[str, Any]

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_float="\0{}".format)
_FIRST_PREVIOUS = "00" * 32


def parsed(text: str) -> Any:
    """Read a row or a list of rows; a number with a fraction keeps its digits behind a U+0000."""
    return _DECODER.decode(text)


class LeafWriter:
    """Writes leaves that cover certain columns; the accounts' part is kept, since most entries name the same few."""

    MOST_ACCOUNTS = 20_000

    def __init__(self, columns: Mapping[str, Sequence[str]]) -> None:
        self.columns = columns
        self._covered = {table: frozenset(names) for table, names in columns.items()}
        self._accounts: dict[int, str] = {}

    def leaf(self, entry: Row, lines: Sequence[Row], accounts: Mapping[int, Row]) -> bytes:
        """Return the hash of an entry's leaf."""
        named = sorted({line["account_id"] for line in lines} & accounts.keys())
        parts = ",".join([self._account(number, accounts[number]) for number in named])
        covered = [self._only("lines", line) for line in lines]
        rest = _JSON.encode({"entry": self._only("entries", entry), "lines": covered})
        return sha256(f'\0{{"accounts":[{parts}],{rest[1:]}'.encode()).digest()

    def _account(self, number: int, account: Row) -> str:
        known = self._accounts.get(number)
        if known is None:
            if len(self._accounts) >= self.MOST_ACCOUNTS:
                self._accounts.clear()
            known = self._accounts[number] = _JSON.encode(self._only("accounts", account))
        return known

    def _only(self, table: str, row: Row) -> Row:
        """Leave out the columns that came after the seal."""
        covered = self._covered.get(table, frozenset())
        return row if row.keys() == covered else {name: value for name, value in row.items() if name in covered}


def tree_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of RFC 9162, by adding one leaf after the other and closing each subtree as soon as it is full."""
    open_nodes: list[bytes] = []
    for index, leaf in enumerate(leaf_hashes):
        node, place = leaf, index
        while place & 1:
            node = sha256(b"\x01" + open_nodes.pop() + node).digest()
            place >>= 1
        open_nodes.append(node)
    if not open_nodes:
        return sha256(b"").digest()
    node = open_nodes.pop()
    while open_nodes:
        node = sha256(b"\x01" + open_nodes.pop() + node).digest()
    return node


def statement_of(said: Mapping[str, Any]) -> bytes:
    """Return the signed bytes of a seal, from what it says."""
    return b"quittance seal 1\n" + _JSON.encode(said).encode()


def digest_of(statement: bytes) -> bytes:
    """Return the digest by which the next seal names this one."""
    return sha256(b"\x02" + statement).digest()


def said_by(row: RowMapping) -> Row:
    """Read what a row of the table `seals` says, as it was signed."""
    return {
        "number": row["number"],
        "previous_digest": row["previous_digest"].hex(),
        "root": row["root"].hex(),
        "entry_count": row["entry_count"],
        "first_leaf": row["first_leaf"],
        "last_leaf": row["last_leaf"],
        "debits": row["debits"],
        "columns": row["columns"],
        "epoch": row["epoch"],
        "sealed_to_transaction_id": int(row["sealed_to_transaction_id"]),
        "sealed_to_entry_id": row["sealed_to_entry_id"],
        "sealed_at": row["sealed_at"].isoformat(timespec="microseconds"),
        "key_fingerprint": row["key_fingerprint"].hex(),
    }


def previous_of(digest: bytes | None) -> str:
    """Return how a seal names the one before it, whose digest this is; None for the first."""
    return _FIRST_PREVIOUS if digest is None else digest.hex()
