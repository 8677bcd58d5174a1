"""The simulation sees what it is for: bugs that cost money elsewhere are planted, and each breaks an invariant."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from activities import charge_decisions, consequences
from activities.charge_decisions import UNREACHABLE, Decision, Further
from gateways.port import OperationRequest, Outcome, Refused
from ledger import posting
from ledger.charges import ChargeStatus
from ledger.entries import Entry
from tests.simulation.run import play
from workflows import asking, charge_attempts, charge_process, charge_taken
from workflows.charge_steps import ChargeSteps
from workflows.gateway_steps import NotKnown
from workflows.world import World

MOST = 3_000
"""Runs until a planted bug has to be seen."""
Patch = pytest.MonkeyPatch


def a_new_key_after_an_unknown_outcome(patch: Patch) -> None:
    """What was asked for is asked for again under another name."""

    async def ask_again(world: World, operation: OperationRequest, _until: object) -> Outcome | NotKnown:
        return await world.ask(operation.model_copy(update={"operation_id": f"{operation.operation_id}:again"}))

    patch.setattr(asking, "ask_again", ask_again)


def a_second_gateway_while_the_first_is_unknown(patch: Patch) -> None:
    """No answer is taken for a no."""

    def unknown(case: Any, name: str, reason: str, now: Any, *, try_again: Any) -> Decision | None:
        nothing = Refused(code=UNREACHABLE, message=reason)
        return charge_decisions.record(case, name, nothing, now, lapsed=False, try_again=try_again)

    patch.setattr(charge_decisions, "unknown", unknown)


def a_cancellation_forgotten_once_it_is_captured(patch: Patch) -> None:
    """What was taken is kept."""
    patch.setattr(charge_taken, "_undo_because", lambda _charge: None)


def a_capture_posted_twice(patch: Patch) -> None:
    """The second entry has another reference, so the books do not see it."""
    captured = posting.captured

    def twice(fact: posting.Fact) -> Entry:
        again.append(captured(fact).model_copy(update={"reference": f"{fact.operation_id}:again"}))
        return captured(fact)

    again: list[Entry] = []
    of_outcome = consequences.of_outcome

    def with_another(*args: Any, **kwargs: Any) -> Any:
        consequence = of_outcome(*args, **kwargs)
        consequence.entries.extend(again)
        again.clear()
        return consequence

    patch.setattr(posting, "captured", twice)
    patch.setattr(consequences, "of_outcome", with_another)


def a_late_fee_posted_twice(patch: Patch) -> None:
    """The fee of a capture is booked once more under a name of its own."""
    of_fee = consequences.of_fee

    def twice(*args: Any) -> list[Entry]:
        entries = of_fee(*args)
        return entries + [each.model_copy(update={"reference": f"{each.reference}:late"}) for each in entries]

    patch.setattr(consequences, "of_fee", twice)


def a_run_that_opens_what_the_one_before_has_opened(patch: Patch) -> None:
    """What it finds under way is left alone, and its own purposes have other names."""
    runs = count()
    begin = ChargeSteps.__init__

    def numbered(charge: ChargeSteps, *args: Any) -> None:
        begin(charge, *args)
        charge.run = next(runs)  # type: ignore[attr-defined] # planted

    async def perform(charge: ChargeSteps, kind: Any, purpose: str, *args: Any, **kwargs: Any) -> Any:
        return await rightly(charge, kind, f"{purpose}-{charge.run}", *args, **kwargs)  # type: ignore[attr-defined]

    async def carry_out(charge: ChargeSteps, standing: Any) -> Any:
        found = standing.operation
        if found is not None and standing.seen_before and found.target_reference is not None:
            charge.view = charge.view.model_copy(update={"status": ChargeStatus.AUTHORIZED})
            return standing
        return await rightly_carried_out(charge, standing)

    rightly, rightly_carried_out = charge_attempts.perform, charge_attempts.carry_out
    patch.setattr(charge_process, "carry_out", carry_out)
    patch.setattr(ChargeSteps, "__init__", numbered)
    patch.setattr(charge_attempts, "perform", perform)
    for module in ("charge_holding", "charge_review"):
        patch.setattr(f"workflows.{module}.perform", perform)


def a_further_operation_upon_any_that_failed(patch: Patch) -> None:
    """A worker that stood still and asks once more opens an operation that nobody waits for."""
    further = charge_decisions.further

    def upon_any(case: Any, asked: Further) -> Any:
        serving = [each for each in case.operations if charge_decisions._serves(each, asked.purpose)]
        upon = serving[-1].operation_id if serving else None
        return further(case, asked.model_copy(update={"upon": upon}))

    patch.setattr(charge_decisions, "further", upon_any)


def a_cancellation_forgotten_by_a_run_that_begins_anew(patch: Patch) -> None:
    """Only the message counts, and not what the books say of it."""
    patch.setattr(ChargeSteps, "take_up_cancellation", lambda _charge: None)


BUGS: tuple[Callable[[Patch], None], ...] = (
    a_new_key_after_an_unknown_outcome,
    a_second_gateway_while_the_first_is_unknown,
    a_cancellation_forgotten_once_it_is_captured,
    a_capture_posted_twice,
    a_late_fee_posted_twice,
    a_run_that_opens_what_the_one_before_has_opened,
    a_further_operation_upon_any_that_failed,
    a_cancellation_forgotten_by_a_run_that_begins_anew,
)


@pytest.mark.faults
@pytest.mark.parametrize("plant", BUGS, ids=[plant.__name__ for plant in BUGS])
def test_a_planted_bug_breaks_an_invariant(plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    """A simulation that cannot fail proves nothing."""
    plant(monkeypatch)
    seen = next(((seed, run.violations) for seed in range(MOST) if (run := play(seed)).violations), None)
    assert seen is not None, f"{plant.__name__} goes unseen in {MOST} runs"
    print(plant.__name__, *seen)  # noqa: T201 # shown by pytest -s
