"""The crash-point matrix: every money-moving step, every point at which it can fail, both gateways, three seeds."""

import random
from collections import defaultdict
from collections.abc import Collection

import pytest

import worker
from gateways.port import OperationKind
from tests.faults import seeds
from tests.faults.cells import READING, ROWS, Cell
from tests.faults.failpoints import Where, port_methods
from tests.faults.matrix import GATEWAYS, Matrix
from tests.faults.rare_stories import RARE
from tests.faults.registry import registered

pytestmark = pytest.mark.system

SEEDS = 3
IN_SHORT = 40
"""Cells of the short selection, of each seed another one."""
ADJUSTING = RARE["adjusted"][1] | RARE["adjustment_expires"][1]
NOT_AT = {"paypal": {"record_fee"} | ADJUSTING}
"""Steps that have no cells at a gateway: PayPal tells its fee with the capture, and of adjustments no gateway hears."""
ROWS_OF_BOOKS = {4, 10, 11, 12, 13}
"""The rows in which every ledger step has its cells, ..."""
ROWS_OF_CALLS = {4, 12, 13}
"""... and every call of a gateway, of which each request has some more."""
ROWS_OF_REQUESTS = {5, 9, 13}


@pytest.mark.timeout(1800)
async def test_wherever_a_worker_or_a_gateway_fails_nothing_is_lost_or_done_twice_in_short(
    matrix: Matrix, request: pytest.FixtureRequest
) -> None:
    """A selection of the matrix, another one for each seed: the customer pays once, and the books say so once."""
    (seed,) = seeds.fixed(1)
    with seeds.replayable(seed, request.node.nodeid) as chance:
        cells, points = await matrix.traced(seed)
        _require_cells_for_all(cells, points)
        await matrix.play(_selection(cells, chance))
        wrong = await matrix.verdict()
        assert not wrong, "\n".join(wrong)


@pytest.mark.faults
@pytest.mark.parametrize("seed", seeds.fixed(SEEDS))
@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_wherever_a_worker_or_a_gateway_fails_nothing_is_lost_or_done_twice(
    matrix: Matrix, request: pytest.FixtureRequest, gateway: str, seed: int
) -> None:
    """Each cell ends with the money moved once, booked once, and its caller told."""
    with seeds.replayable(seed, request.node.nodeid) as chance:
        cells, points = await matrix.traced(seed, [gateway])
        _require_cells_for_all(cells, points, NOT_AT.get(gateway, set()))
        chosen = [cell for cell in cells if seeds.is_picked(cell.name)]
        print(f"{len(chosen)} of {len(cells)} cells")  # noqa: T201 # shown with a failure, and by pytest -s
        await matrix.play(chance.sample(chosen, len(chosen)))  # so that what costs much does not come all at once
        wrong = await matrix.verdict()
        assert not wrong, "\n".join(wrong)


def _selection(cells: list[Cell], chance: random.Random) -> list[Cell]:
    """Some of each row, so that none is left out."""
    rows = {row: [cell for cell in cells if cell.row == row] for row in sorted({cell.row for cell in cells})}
    return [cell for found in rows.values() for cell in chance.sample(found, min(len(found), IN_SHORT // len(rows)))]


def _require_cells_for_all(cells: list[Cell], points: set[str], absent: Collection[str] = ()) -> None:
    """A step that is new in the product fails here until a story comes to it."""
    steps = registered(worker).activities - READING - set(absent)
    passed = {tuple(point.split(":")[:2]) for point in points}
    assert {name for where, name in passed if where == Where.BEFORE} - READING == steps
    rows: dict[str, set[int]] = defaultdict(set)
    for cell in cells:
        if cell.action:
            rows[cell.point.split(":")[1]].add(cell.row)
    kinds = {kind.value for kind in OperationKind}
    requests = set(port_methods()) - READING
    assert [step for step in steps if not rows[step] >= (ROWS_OF_CALLS if step in kinds else ROWS_OF_BOOKS)] == []
    assert [request for request in requests if not rows[request] >= ROWS_OF_REQUESTS] == []
    assert {cell.point.partition(":")[0] for cell in cells if cell.fault} >= kinds
    assert {cell.row for cell in cells} == {row for actions in ROWS.values() for row in actions.values()} | {6, 7, 8}
