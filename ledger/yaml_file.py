"""Reads a YAML file in which every value is text until a model says what it is, with the line of each.

So `NO` stays Norway and 0.05 an exact decimal. Keys given twice, references and tags are refused. It knows nothing of the
ledger, and stands here since everybody may import it here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic_core import ErrorDetails

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
    "tuple_type": "must be a list, such as [stripe, paypal]",
    "too_short": "needs at least one entry: add it, or leave the whole field out",
}
"""What is said instead of the validator's own words, by its names of faults."""

Place = tuple[str | int, ...]
"""The keys and positions that lead to a value in the file."""


class Misread(Exception):
    """A file that cannot be read, text that is no YAML, or YAML that says something that no model takes; one line."""


class Content:
    """What a file says, and where it says it; `source` is its name in messages."""

    def __init__(self, source: str, plain: object, lines: Mapping[Place, int]) -> None:
        self.source = source
        self.plain = plain
        self._lines = lines

    def listed(self, faults: Sequence[tuple[Place, str]]) -> list[str]:
        """Say what is wrong where, a line for each fault, in the order of the file."""
        placed = sorted({(self._line(place), _name(place), message) for place, message in faults})
        listed = [f"{self.source} line {line}: {name}{message}" for line, name, message in placed[:MAX_FAULTS]]
        more = len(placed) - MAX_FAULTS
        return listed if more <= 0 else [*listed, f"{self.source}: and {more} more"]

    def of_model(self, faults: Sequence[ErrorDetails]) -> list[str]:
        """Say what a model found wrong; a list is not too short because its items are wrong."""
        places = [fault["loc"] for fault in faults]

        def holds_another(fault: ErrorDetails) -> bool:
            place = fault["loc"]
            return any(len(other) > len(place) and other[: len(place)] == place for other in places)

        meant = [each for each in faults if each["type"] != "too_short" or not holds_another(each)]
        return self.listed([(each["loc"], _said(each)) for each in meant])

    def _line(self, place: Place) -> int:
        """Return the line of a place, or of the closest thing around it."""
        while place not in self._lines and place:
            place = place[:-1]
        return self._lines.get(place, 1)


def read(path: Path, what: str, max_bytes: int) -> str:
    """Read a file as text; `what` it should be is said where it cannot be. Raises Misread."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise Misread(f"{path} cannot be read ({error.strerror}): name a {what} file") from None
    if len(content) > max_bytes:
        raise Misread(f"{path} has more than {max_bytes} bytes, which no {what} needs: name a {what} file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Misread(f"{path} line {line}: is not UTF-8 text: save it as UTF-8") from None


def parse(text: str, source: str, if_empty: str) -> Content:
    """Read text as plain values with their lines; `if_empty` says what to write. Raises Misread."""
    lines: dict[Place, int] = {}
    try:
        return Content(source, _content(text, lines, if_empty), lines)
    except _AtLine as error:
        raise Misread(f"{source} line {error.line}: {error}") from None


class _AtLine(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _content(text: str, lines: dict[Place, int], if_empty: str) -> object:
    try:
        # The loader in Python, not the one in C: text that nests without end is an error there, and no crash.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise _AtLine(mark.line + 1 if mark else 1, f"is no YAML: {said}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _AtLine(1, f"is no YAML: {str(error).partition(chr(10))[0]}") from None
    if node is None:
        raise _AtLine(1, f"the file is empty: {if_empty}")
    return _Reading(lines).plain(node, ())


class _Reading:
    """Turns nodes into plain values, and notes the line of each."""

    def __init__(self, lines: dict[Place, int]) -> None:
        self._lines = lines
        self._seen: set[int] = set()

    def plain(self, node: yaml.Node, place: Place) -> object:
        """Return the value of a node: text, None, a list or a mapping."""
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        if id(node) in self._seen:
            raise _AtLine(line, "refers to another part of the file: write it out")
        self._seen.add(id(node))
        if node.tag not in PLAIN_TAGS:
            raise _AtLine(line, f"has the tag {node.tag}: leave it out")
        if len(place) > MAX_DEPTH:
            raise _AtLine(line, "is nested too deeply")
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
                raise _AtLine(line, "has a key that is no word")
            if key.value in read:
                raise _AtLine(line, f"{key.value} is given twice: give it once")
            self._lines[*place, key.value] = line
            read[key.value] = self.plain(value, (*place, key.value))
        return read


def _name(place: Place) -> str:
    words = [part for part in place if isinstance(part, str) and part != "[key]"]
    return f"{words[-1]}: " if words else ""


def _said(fault: ErrorDetails) -> str:
    if fault["type"] == "string_pattern_mismatch":
        return f"is not written as it has to be: it must match {fault.get('ctx', {}).get('pattern')}"
    plain = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return SENTENCES.get(fault["type"], plain)
