"""The crash-point matrix: every money-moving step, every point at which it can fail, both gateways, three seeds."""

import os
import random

import pytest

import worker
from gateways.port import OperationKind
from tests.faults import seeds
from tests.faults.cells import READING, ROWS, Cell
from tests.faults.failpoints import Where, port_methods
from tests.faults.matrix import Matrix
from tests.faults.registry import registered

pytestmark = pytest.mark.system

SEEDS = 3
IN_SHORT = 40
"""Cells of the short selection, of each seed another one."""
NOT_IN_A_STORY = {
    "record_unknown": "tests/workflows/test_deadlines.py: comes only where a gateway is silent for a minute",
    "record_fee": "tests/workflows/test_charge.py: comes only where a fee arrives later than its capture",
    "park": "tests/workflows/test_deadlines.py: comes only where everything else has failed",
    "park_refund": "tests/workflows/test_review.py: as park",
    "resolve_review": "tests/workflows/test_review.py: comes only where a person settles a charge",
    "open_split": "tests/faults/test_split_crashes.py: a matrix of its own, since a split is several charges",
    "look_at_legs": "tests/faults/test_split_crashes.py: as open_split",
    "begin_leg": "tests/faults/test_split_crashes.py: as open_split",
    "refuse_leg": "tests/faults/test_split_crashes.py: as open_split",
    "cancel_split": "tests/faults/test_split_crashes.py: as open_split",
    "resolve_refund_review": "tests/workflows/test_review.py: comes only where a person settles a refund",
}
"""Steps that no story comes to without a fault, and the test that shows them."""


async def test_wherever_a_worker_or_a_gateway_fails_nothing_is_lost_or_done_twice_in_short(
    matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    """A selection of the matrix, another one for each seed: the customer pays once, and the books say so once."""
    (seed,) = seeds.fixed(1)
    with seeds.replayable(seed, request.node.nodeid) as chance:
        cells, _ = await matrix.traced(seed)
        await matrix.play(_selection(cells, chance))
        assert await matrix.verdict() == []


@pytest.mark.faults
@pytest.mark.parametrize("seed", seeds.fixed(SEEDS))
async def test_wherever_a_worker_or_a_gateway_fails_nothing_is_lost_or_done_twice(
    matrix: Matrix, request: pytest.FixtureRequest, seed: int
) -> None:
    """Each cell ends with the money moved once, booked once, and its caller told."""
    with seeds.replayable(seed, request.node.nodeid):
        cells, points = await matrix.traced(seed)
        _require_cells_for_all(cells, points)
        print(f"{len(cells)} cells")  # noqa: T201 # shown with a failure, and by pytest -s
        await matrix.play([cell for cell in cells if os.environ.get("FAULT_CELL", "") in cell.name])
        assert await matrix.verdict() == []


def _selection(cells: list[Cell], chance: random.Random) -> list[Cell]:
    """Some of each row, so that none is left out."""
    rows = {row: [cell for cell in cells if cell.row == row] for row in sorted({cell.row for cell in cells})}
    return [cell for found in rows.values() for cell in chance.sample(found, min(len(found), IN_SHORT // len(rows)))]


def _require_cells_for_all(cells: list[Cell], points: set[str]) -> None:
    """A step that is new in the product fails here until a story comes to it."""
    passed = {tuple(point.split(":")[:2]) for point in points}
    steps = registered(worker).activities - READING - NOT_IN_A_STORY.keys()
    assert {name for where, name in passed if where == Where.BEFORE} - READING == steps
    assert {name for where, name in passed if where == Where.SENDING} >= set(port_methods()) - READING
    moved = {cell.point.partition(":")[0] for cell in cells if cell.fault}
    assert moved >= {kind.value for kind in OperationKind}
    assert {cell.row for cell in cells} == {row for actions in ROWS.values() for row in actions.values()} | {6, 7, 8}
