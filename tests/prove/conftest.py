"""Real charges to prove, on the processes of the workflow tests; and the readers of the gateways' records."""

from collections.abc import AsyncIterator

import pytest

from gateways.records import reader
from tests.prove.record_case import RecordCase
from tests.workflows.conftest import processes as processes  # noqa: PLC0414 # a fixture is found where it is imported


@pytest.fixture(params=["stripe", "paypal"])
async def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RecordCase]:
    """Each gateway in turn, empty; the reader does not wait long between its attempts."""
    monkeypatch.setattr(reader, "FIRST_WAIT_SECONDS", 0.01)
    record_case = RecordCase(request.param, request.getfixturevalue(f"{request.param}_simulator"))
    yield record_case
    await record_case.gateway.close()
    await record_case.record.close()
