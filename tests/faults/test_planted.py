"""The test of the tests: each bug of a list is planted in a copy of the project, and the test that must see it sees it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.bugs import BUGS
from tests.faults.planted import Bug, Ran, run_with, run_without

pytestmark = [pytest.mark.system, pytest.mark.faults]

AT_LEAST = 25
AT_ONCE = 3
"""Most of what the tests do is wait: for servers to start, for workers to be missed."""


@pytest.fixture(scope="module")
def ran(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Ran]]]:
    """The runs of the bugs that were chosen, by their names, several at once."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    chosen: list[Bug] = [each.params["bug"] for each in parameters if each is not None and "bug" in each.params]
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {bug.name: pool.submit(run_with, bug, tmp_path_factory.mktemp("planted")) for bug in chosen}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "_"))
def test_a_planted_bug_is_caught(ran: Mapping[str, Future[Ran]], bug: Bug) -> None:
    """A guarantee that no test defends is not one."""
    seen = ran[bug.name].result()
    assert seen.failed, seen.output[-3000:]


def test_without_a_bug_its_test_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A test that fails by itself catches nothing."""
    seen = run_without(BUGS, tmp_path_factory.mktemp("planted"))
    assert seen.passed, seen.output[-3000:]


def test_there_are_enough_of_them() -> None:
    """The list does not shrink unnoticed, and no bug is in it twice."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= AT_LEAST
