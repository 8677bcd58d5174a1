"""Reads a file of settings: YAML in which every value is text until the model says what it is, with the line of each.

So `NO` stays Norway and 0.05 an exact decimal. Keys given twice, references and anything unknown are refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

MAX_BYTES = 262_144
MAX_DEPTH = 12
MAX_FAULTS = 20
"""How many faults are listed; whoever made more sees the rest afterwards."""
PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
)
"""What YAML itself makes of plain text; all else is a tag that somebody wrote."""
NOTHING = {"", "~", "null"}
_NO_MAPPING = "must be names with their values, such as `name: value`"
SENTENCES = {
    "extra_forbidden": "there is no such field: correct its name or leave it out",
    "missing": "is missing: add it",
    "model_type": _NO_MAPPING,
    "dict_type": _NO_MAPPING,
    "mapping_type": _NO_MAPPING,
    "too_short": "needs at least one entry: add it, or leave the whole field out",
}
"""What is said instead of the validator's own words, by its names of faults."""

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
"""The keys and positions that lead to a value in the file."""


class Fault(NamedTuple):
    """What is wrong, where, and what to do."""

    place: Place
    message: str


class Kind(NamedTuple):
    """What a file is, in the words of its messages."""

    noun: str
    """As in `name a policy file`."""
    when_empty: str
    """What to write in an empty one."""
    list_example: str
    """A list as this kind has them."""


class FileFault(ValueError):
    """A file that cannot be used; one line per fault, and nothing of the file is used."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_text(path: Path, noun: str, max_bytes: int = MAX_BYTES) -> str:
    """Read a file of text; raises FileFault."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise FileFault(f"{path} cannot be read ({error.strerror}): name a {noun} file") from None
    if len(content) > max_bytes:
        raise FileFault(f"{path} has more than {max_bytes} bytes, which no {noun} needs: name a {noun} file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileFault(f"{path} line {line}: is not UTF-8 text: save it as UTF-8") from None


def parse(
    text: str, source: str, kind: Kind, model: type[Model], faults_of: Callable[[Model], Iterable[Fault]] | None = None
) -> Model:
    """Read the text of a file; `source` is its name in messages, `faults_of` finds what contradicts itself in it.

    Raises FileFault with a line for each fault.
    """
    lines: dict[Place, int] = {}
    try:
        content = _content(text, kind, lines)
    except _Misread as error:
        raise FileFault(f"{source} line {error.line}: {error}") from None
    try:
        read = model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise FileFault(*_listed(source, lines, _said_of(found, kind))) from None
    contradictions = list(faults_of(read)) if faults_of else []
    if contradictions:
        raise FileFault(*_listed(source, lines, contradictions))
    return read


class _Misread(Exception):
    """Text that is no YAML, or YAML that says something that such a file does not."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _content(text: str, kind: Kind, lines: dict[Place, int]) -> object:
    try:
        # The loader in Python, not the one in C: text that nests without end is an error there, and no crash.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise _Misread(mark.line + 1 if mark else 1, f"is no YAML: {said}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _Misread(1, f"is no YAML: {str(error).partition(chr(10))[0]}") from None
    if node is None:
        raise _Misread(1, f"the file is empty: {kind.when_empty}")
    return _Reading(lines, kind).plain(node, ())


class _Reading:
    """Turns nodes into plain values, and notes the line of each."""

    def __init__(self, lines: dict[Place, int], kind: Kind) -> None:
        self._lines = lines
        self._kind = kind
        self._seen: set[int] = set()

    def plain(self, node: yaml.Node, place: Place) -> object:
        """Return the value of a node: text, None, a list or a mapping."""
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        if id(node) in self._seen:
            raise _Misread(line, "refers to another part of the file: write it out")
        self._seen.add(id(node))
        if node.tag not in PLAIN_TAGS:
            raise _Misread(line, f"has the tag {node.tag}: leave it out")
        if len(place) > MAX_DEPTH:
            raise _Misread(line, f"is nested too deeply for a {self._kind.noun}")
        match node:
            case yaml.MappingNode():
                return self._mapping(node, place)
            case yaml.SequenceNode():
                return [self.plain(item, (*place, number)) for number, item in enumerate(node.value)]
            case yaml.ScalarNode(style=None, value=value) if value in NOTHING:
                return None
            case _:
                return str(node.value)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> Mapping[str, object]:
        read: dict[str, object] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _Misread(line, "has a key that is no word")
            if key.value in read:
                raise _Misread(line, f"{key.value} is given twice: give it once")
            self._lines[*place, key.value] = line
            read[key.value] = self.plain(value, (*place, key.value))
        return read


def _listed(source: str, lines: Mapping[Place, int], faults: Sequence[Fault]) -> list[str]:
    placed = sorted({(_line(lines, place), _name(place), message) for place, message in faults})
    listed = [f"{source} line {line}: {name}{message}" for line, name, message in placed[:MAX_FAULTS]]
    return listed if len(placed) <= MAX_FAULTS else [*listed, f"{source}: and {len(placed) - MAX_FAULTS} more"]


def _line(lines: Mapping[Place, int], place: Place) -> int:
    """Return the line of a place, or of the closest thing around it."""
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place, 1)


def _name(place: Place) -> str:
    words = [part for part in place if isinstance(part, str) and part != "[key]"]
    return f"{words[-1]}: " if words else ""


def _said_of(faults: Sequence[ErrorDetails], kind: Kind) -> list[Fault]:
    """Say what is wrong where; a list is not too short because its items are wrong."""
    places = [fault["loc"] for fault in faults]

    def holds_another(fault: ErrorDetails) -> bool:
        place = fault["loc"]
        return any(len(other) > len(place) and other[: len(place)] == place for other in places)

    kept = [fault for fault in faults if fault["type"] != "too_short" or not holds_another(fault)]
    return [Fault(fault["loc"], said(fault, kind.list_example)) for fault in kept]


def said(fault: ErrorDetails, list_example: str = "[a, b]") -> str:
    """Say what a validator found, in a sentence that says what to do."""
    if fault["type"] == "string_pattern_mismatch":
        return f"is not written as it has to be: it must match {fault.get('ctx', {}).get('pattern')}"
    if fault["type"] == "tuple_type":
        return f"must be a list, such as {list_example}"
    plain = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return SENTENCES.get(fault["type"], plain)
