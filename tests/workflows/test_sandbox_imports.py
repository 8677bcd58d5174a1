"""Workflow files run again in the sandbox for every run; what they share with activities must not."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ("ledger", "gateways", "activities")
FILES = sorted(path for path in (ROOT / "workflows").glob("*.py") if path.name != "client.py")


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_shared_models_are_imported_passed_through(path: Path) -> None:
    """A model that is loaded a second time is another type: `status is AUTHORIZED` is false and a charge ends too early."""
    tree = ast.parse(path.read_text())
    outside = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or node.names[0].name for node in outside]
    assert not [name for name in names if name.split(".")[0] in SHARED]


def test_the_package_imports_nothing() -> None:
    """Each import here would be paid again at the start of every workflow."""
    tree = ast.parse((ROOT / "workflows" / "__init__.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
