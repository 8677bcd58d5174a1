"""Workflow files run again in the sandbox for every run; their parts, and what they share with activities, must not.

A part that the sandbox loads again costs 2 ms of each charge, and there are a dozen.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ("ledger", "billing", "gateways", "activities", "workflows")
FILES = sorted(path for path in (ROOT / "workflows").glob("*.py") if path.name != "client.py")

PROCESSES = [path for path in FILES if "@workflow.defn" in path.read_text()]


@pytest.mark.parametrize("path", PROCESSES, ids=[path.name for path in PROCESSES])
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


UNREPEATABLE = {
    "now",
    "utcnow",
    "today",
    "time",
    "time_ns",
    "monotonic",
    "uuid4",
    "uuid1",
    "random",
    "sleep",
    "urandom",
}
"""Calls whose answer is another in a replay."""


def reached(path: Path, seen: set[Path]) -> set[Path]:
    """The files of `workflows` that a process imports, and those that these import."""
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "workflows":
            names = [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
            for part in (ROOT / (name.replace(".", "/") + ".py") for name in names):
                if part.exists() and part not in seen:
                    reached(part, seen)
    return seen


@pytest.mark.parametrize("path", PROCESSES, ids=[path.name for path in PROCESSES])
def test_no_part_of_a_process_asks_for_what_a_replay_answers_otherwise(path: Path) -> None:
    """Parts that are passed through are not watched by the sandbox: this test watches them."""
    for part in reached(path, set()):
        for node in ast.walk(ast.parse(part.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in UNREPEATABLE:
                owner = ast.unparse(node.func.value)
                assert owner == "workflow" or owner.endswith("world"), f"{part.name}:{node.lineno} {ast.unparse(node)}"
