"""The test of the tests: each bug of a list is planted in a copy of the project, and the test that must see it sees it."""

from pathlib import Path

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import Bug, is_caught

pytestmark = [pytest.mark.system, pytest.mark.faults]

AT_LEAST = 25


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "_"))
def test_a_planted_bug_is_caught(bug: Bug, tmp_path: Path) -> None:
    """A guarantee that no test defends is not one."""
    assert is_caught(bug, tmp_path), (tmp_path / "output").read_text()[-3000:]


def test_there_are_enough_of_them() -> None:
    """The list does not shrink unnoticed, and no bug is in it twice."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= AT_LEAST
