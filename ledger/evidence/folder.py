"""The folder of a pack while it is being written: beside its place, under another name, until it is whole.

Each file is hashed as it is written, row by row, so that no file is ever in memory.
"""

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Self

from ledger.evidence.errors import PlaceFault, PlaceTaken
from ledger.money import Money

CHUNK_CHARACTERS = 100_000
MINOR = "_minor"
OF_PERIOD = "period"
"""A file that says the same whenever it is written, once its period is closed."""
OF_MOMENT = "moment"
"""A file that says how things stood when the pack was written."""
# A spreadsheet takes what begins so for a formula, and texts are not ours alone.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = Mapping[str, Any]


class Folder:
    """A pack that is not whole yet; `files` is what the manifest will say of each file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, dict[str, Any]] = {}

    async def table(
        self,
        name: str,
        columns: Sequence[str],
        rows: AsyncIterable[Row],
        *,
        of: str,
        see: Callable[[Row], None] = lambda _: None,
    ) -> int:
        """Write a CSV file (RFC 4180) row by row, and let `see` have each row; returns how many there were."""
        count = 0
        with _HashedFile(self.path / name) as file:
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow([head for column in columns for head in _heads(column)])
            async for row in rows:
                writer.writerow([cell for column in columns for cell in _cells(column, row)])
                see(row)
                count += 1
                if text.tell() > CHUNK_CHARACTERS:
                    file.write(_taken(text))
            file.write(_taken(text))
        self.files[name] = {**file.described, "rows": count, "of": of}
        return count

    def document(self, name: str, content: Any, *, of: str) -> None:
        """Write a JSON file."""
        self.text(name, as_json(content), of=of)

    def text(self, name: str, content: str, *, of: str) -> None:
        """Write a file as it is."""
        with _HashedFile(self.path / name) as file:
            file.write(content.encode())
        self.files[name] = {**file.described, "rows": None, "of": of}

    def unlisted(self, name: str, content: bytes) -> None:
        """Write the manifest or its signature, which no manifest can name."""
        with _HashedFile(self.path / name) as file:
            file.write(content)


@contextmanager
def new_folder(place: Path) -> Iterator[Folder]:
    """Fill a folder beside the place, and put it there at the end of the block; after a failure nothing is left."""
    if place.is_symlink() or (place.exists() and (not place.is_dir() or any(place.iterdir()))):
        raise PlaceTaken(place)
    place = place.absolute()
    try:
        path = Path(tempfile.mkdtemp(prefix=f".{place.name}.new-", dir=place.parent))
    except OSError as error:
        raise PlaceFault(place, error) from error
    try:
        yield Folder(path)
        path.rename(place)  # onto nothing, or onto an empty folder
        _sync(place.parent)
    except OSError as error:
        raise PlaceFault(place, error) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)


def as_json(content: Any) -> str:
    """Write a document in one way only."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _HashedFile:
    """A new file that knows what was written to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = sha256()
        self._bytes = 0
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._file = self._path.open("xb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def write(self, content: bytes) -> None:
        """Write on."""
        self._file.write(content)
        self._hash.update(content)
        self._bytes += len(content)

    @property
    def described(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"sha256": self._hash.hexdigest(), "bytes": self._bytes}


def _sync(folder: Path) -> None:
    """Let the new name outlive a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content


def _heads(column: str) -> list[str]:
    """Beside each amount in minor units is the same in major ones."""
    return [column, column.removesuffix(MINOR)] if column.endswith(MINOR) else [column]


def _cells(column: str, row: Row) -> Iterator[str]:
    value = row[column]
    yield _cell(value)
    if column.endswith(MINOR):
        yield "" if value is None else f"{Money(amount_minor=int(value), currency=row['currency']).decimal():f}"


def _cell(value: Any) -> str:
    text = _written(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case int() | Decimal():
            return str(int(value))
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case bytes():
            return value.hex()
        case list() | dict():
            return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return str(value)
