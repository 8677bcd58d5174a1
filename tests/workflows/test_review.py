"""A charge that waits for a person, from the silence of its gateway to the person's word in the books."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from typer.testing import CliRunner

from ledger import reviews
from ledger.charges import ChargeStatus, ChargeView
from ledger.reviews import Review
from local.simulators import SimulatorProcess
from starter import app
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from tests.workflows.endings import taken
from tests.workflows.test_deadlines import AMOUNT, CONFIRM, READ, pass_time, until_status
from workflows import charge_review
from workflows.review_messages import RESOLVE_REVIEW, ResolveReview

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])


@pytest.fixture
async def processes(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Processes]:
    """Charges, with alice and bob to ask; nobody but them settles a review here."""
    monkeypatch.setattr(charge_review, "READ_FOR", timedelta(0))
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    named = settings.model_copy(update={"reviewers": "alice,bob"})
    async with AsyncExitStack() as stack:
        yield await run_processes(stack, named, {"stripe": stripe_simulator, "paypal": paypal_simulator})


async def parked(processes: Processes, gateway: str, *, effect: bool) -> str:
    """A charge whose gateway lost the answer, after or before the money was taken, and is silent ever since."""
    simulator = processes.simulators[gateway]
    when, times = ("after", 1) if effect else ("before", 1000)
    simulator.add_fault(method="POST", path=CONFIRM[gateway], when=when, action="drop", times=times)
    simulator.add_fault(method="GET", path=READ[gateway], when="before", action="status", status=503, times=100_000)
    request = processes.request(gateway)
    asking = asyncio.create_task(processes.charge(request))
    if effect:
        await taken(processes, gateway)
    else:
        await _payment_made(processes, request.charge_id)
    await pass_time(processes, f"charge/{request.charge_id}", days=1)
    await asking
    await until_status(processes, request.charge_id, ChargeStatus.NEEDS_REVIEW)
    return request.charge_id


async def _payment_made(processes: Processes, charge_id: str) -> None:
    async with asyncio.timeout(30):
        while not any(operation.payment_reference for operation in await processes.operations(charge_id)):
            await asyncio.sleep(0.05)


async def resolve(processes: Processes, charge_id: str, resolve_as: str, by: str = "alice") -> ChargeView:
    """Give a person's word."""
    word = ResolveReview.model_validate({"as_": resolve_as, "because": "seen in the dashboard", "by": by})
    view: ChargeView = await processes.handle(charge_id).execute_update(RESOLVE_REVIEW, word, result_type=ChargeView)
    return view


async def refusal(processes: Processes, charge_id: str, resolve_as: str, by: str = "alice") -> ApplicationError:
    """Give a word that is not taken, and return why."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await resolve(processes, charge_id, resolve_as, by)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause


async def case_of(processes: Processes, charge_id: str) -> Review:
    """The charge's case."""
    async with processes.engine.connect() as connection:
        return await reviews.latest_of(connection, charge_id, None)


async def command(processes: Processes, *arguments: str) -> tuple[int, str]:
    """Run a command of `review` as a person does; returns its exit code and what it says."""
    environment = {
        "DATABASE_URL": processes.settings.database_url,
        "TEMPORAL_ADDRESS": processes.settings.temporal_address,
        "TASK_QUEUE": processes.settings.task_queue,
    }
    result = await asyncio.to_thread(CliRunner(env=environment).invoke, app, ["review", *arguments])
    return result.exit_code, result.stdout + result.stderr


@GATEWAYS
async def test_what_the_gateway_did_is_booked_by_a_persons_word_and_not_denied_by_it(
    processes: Processes, gateway: str
) -> None:
    """Nobody without the right, nobody against the gateway and nobody a second time; then the money is booked once."""
    charge_id = await parked(processes, gateway, effect=True)

    async def say(word: str, by: str = "alice") -> tuple[int, str]:
        return await command(processes, "resolve", charge_id, "--as", word, "--because", "seen there", "--by", by)

    case = await case_of(processes, charge_id)
    assert case.evidence is not None
    assert (case.operation_id, case.evidence.exposure_minor) == (f"{charge_id}:capture:1", AMOUNT)
    code, said = await say("succeeded")
    assert (code, said.count("\n")) == (3, 1)
    assert "nothing was resolved, so give the same command again" in said
    processes.simulators[gateway].clear_faults()
    code, said = await say("succeeded", "eve")
    assert (code, said.startswith("error: eve may not resolve a review: ")) == (1, True), said
    code, said = await say("failed")
    assert (code, "says that it succeeded" in said, said.count("\n")) == (1, True, 1)
    assert await case_of(processes, charge_id) == case
    code, said = await say("succeeded")
    assert (code, said.startswith(f"charge {charge_id}: resolved as succeeded by person:alice")) == (0, True)
    row = await processes.row(charge_id)
    assert (row.status, row.captured_minor) == (ChargeStatus.CAPTURED, AMOUNT)
    assert not [code for code, _ in await processes.balances() if code.startswith("memo:")]
    assert (await processes.rules(charge_id)).count("captured") == 1
    assert len(processes.effects(gateway, "capture")) == 1
    code, said = await say("succeeded")
    assert (code, "is closed already, as succeeded by person:alice" in said) == (1, True)


@GATEWAYS
async def test_what_the_gateway_never_did_is_given_up_by_a_persons_word(processes: Processes, gateway: str) -> None:
    """The charge is declined, the exposure ends, nothing is tried again; of two words at once, one is taken."""
    charge_id = await parked(processes, gateway, effect=False)
    processes.simulators[gateway].clear_faults()
    assert "shows no trace of it" in (await refusal(processes, charge_id, "succeeded")).message
    words = [resolve(processes, charge_id, "failed", by) for by in ("alice", "bob")]
    results = await asyncio.gather(*words, return_exceptions=True)
    [view] = [result for result in results if isinstance(result, ChargeView)]
    [late] = [result for result in results if isinstance(result, WorkflowUpdateFailedError)]
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, "failed_by_review")
    assert isinstance(late.cause, ApplicationError)
    assert late.cause.type in {"ReviewClosed", "NotInReview"}
    assert (await case_of(processes, charge_id)).resolved_by in {"person:alice", "person:bob"}
    assert await processes.balances() == {}
    assert processes.effects(gateway, "capture") == []
    assert len(await processes.operations(charge_id)) == 1
