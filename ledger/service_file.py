"""Reads the file of services that post over HTTP, with the line of each fault; a file with one is refused whole."""

from pathlib import Path
from typing import Final

from ledger import lined_yaml
from ledger.lined_yaml import Kind
from ledger.service import Services, faults_of

KIND: Final = Kind("services", "write `services: []`, or services as docs/ledger-api.md shows", "[wallet:user:*]")


def read(path: Path) -> Services:
    """Read a file of services; raises FileFault with a line for each fault."""
    return parse(lined_yaml.read_text(path, KIND.noun), str(path))


def parse(text: str, source: str) -> Services:
    """Read the text of such a file; `source` is its name in messages. Raises FileFault."""
    return lined_yaml.parse(text, source, KIND, Services, faults_of)
