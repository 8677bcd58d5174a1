"""The shape of the code, where import-linter cannot see it: single files at the root, and rules about files.

What packages may import of each other is in pyproject.toml under tool.importlinter.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("workflows", "activities", "gateways", "billing", "ledger", "commands", "api", "simulators")
PACKAGES = (*PARTS, "local", "benchmarks", "deploy")
OURS = {*PACKAGES, "worker", "starter", "settings"}
# What each file at the root may import of ours; simulators never.
ROOT_IMPORTS = {
    "worker.py": {"workflows", "activities", "gateways", "billing", "ledger", "settings"},
    "starter.py": {"commands", "settings"},
    "settings.py": set(),
    "link_settings.py": set(),
}
# Words that say nothing of what is in a file.
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "models", "services", "base", "manager", "misc"}
MAX_FILE_LINES = 350
MAX_TEST_FILE_LINES = 450
MAX_FUNCTION_LINES = 70
CLOCK = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")

SOURCES = sorted(
    path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
) + sorted(ROOT.glob("*.py"))
OWN = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "tests"]


def imported(path: Path) -> set[str]:
    """Return the first names of all that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def name_of(path: Path) -> str:
    """Return a file's name within the project, for messages and test ids."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", sorted(ROOT_IMPORTS))
def test_a_root_file_imports_what_its_place_in_the_arrow_allows(name: str) -> None:
    """The composition root wires the parts, the command line speaks to the processes, the settings know nobody."""
    assert imported(ROOT / name) & OURS <= ROOT_IMPORTS[name]


def test_root_files_are_known() -> None:
    """A new file at the root gets its place in the arrow before it gets imports."""
    assert {path.name for path in ROOT.glob("*.py")} <= set(ROOT_IMPORTS)


def test_nothing_imports_a_composition_root() -> None:
    """Programs are started, not imported: what two of them share has a home of its own."""
    guilty = [name_of(path) for path in OWN if imported(path) & {"worker", "starter"}]
    assert guilty == []


def test_importing_the_workflows_package_imports_nothing() -> None:
    """Each run of a workflow executes its files again in the sandbox: what the package imports is paid every time."""
    assert imported(ROOT / "workflows" / "__init__.py") == set()


def test_policy_is_pure() -> None:
    """Choosing a gateway and the next try read no clock, no network and no database, so that a replay chooses the same."""
    folders = (ROOT / "gateways" / "routing", ROOT / "billing" / "dunning")
    pure = [*(path for folder in folders for path in folder.rglob("*.py")), ROOT / "gateways" / "session_map.py"]
    assert len(pure) > len(folders) + 1
    impure = {"time", "random", "os", "httpx", "sqlalchemy", "asyncio", "secrets", "uuid", "structlog", "temporalio"}
    assert [name_of(path) for path in pure if imported(path) & impure] == []
    assert [name_of(path) for path in pure if CLOCK.search(path.read_text())] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_is_named_by_a_noun_and_can_be_read_in_one_sitting(path: Path) -> None:
    """A reader finds things by name, and is not lost in them."""
    assert path.stem not in EMPTY_NAMES
    limit = MAX_FILE_LINES if path in OWN else MAX_TEST_FILE_LINES
    assert len(path.read_text().splitlines()) <= limit


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_a_file_says_what_it_is_and_is_finished(path: Path) -> None:
    """Every module opens with what it is for, in five lines at most; none holds a promise in place of code."""
    text = path.read_text()
    described = ast.get_docstring(ast.parse(text))
    assert described, "say in a docstring what this file is for"
    tree_of_errors = path.stem == "errors"  # drawn in the docstring, and as long as the tree
    assert tree_of_errors or len(described.splitlines()) <= 5
    assert not UNFINISHED.search(text)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """No function needs scrolling."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, functions):
            assert (node.end_lineno or node.lineno) - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", [path for path in SOURCES if path.stem.startswith("test_")], ids=name_of)
def test_a_test_states_its_requirement(path: Path) -> None:
    """Every test says in a sentence what must be so, for whoever sees it fail."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, functions) and node.name.startswith("test_"):
            assert ast.get_docstring(node), node.name
