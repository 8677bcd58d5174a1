"""Real charges to prove: the processes that the workflow tests run on."""

from tests.workflows.conftest import processes as processes  # noqa: PLC0414 # a fixture is found where it is imported
