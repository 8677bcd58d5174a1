"""docs/running.md says what is so."""

import re
from pathlib import Path

from pydantic import SecretStr

from local.addresses import Ports
from local.process import ROOT
from settings import Settings

DOCUMENT = Path(ROOT / "docs" / "running.md").read_text()


def test_every_setting_is_described_with_its_default() -> None:
    """Nobody has to read the source to know what can be set, and no secret's value is written down."""
    described = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(.*?)`? \|", DOCUMENT, flags=re.MULTILINE))
    for name, field in Settings.model_fields.items():
        default = field.default
        expected = "none" if default is None else "secret" if isinstance(default, SecretStr) else str(default)
        assert described.get(name.upper()) == expected, name


def test_every_port_is_described_with_its_default() -> None:
    """Whoever has to move a port finds the variable."""
    for name, port in Ports().by_name().items():
        assert f"| `{Ports.variable(name)}` | {port} |" in DOCUMENT


def test_nothing_is_described_that_is_not_there() -> None:
    """A setting that was removed does not live on in the document."""
    known = {name.upper() for name in Settings.model_fields} | {Ports.variable(name) for name in Ports().by_name()}
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT, flags=re.MULTILINE)) == known
