"""A process under the charge's name whose commands are others, as a careless release would have it."""

from datetime import timedelta
from typing import Any

from temporalio import workflow


@workflow.defn(name="Charge")
class OtherCharge:
    """Waits where the charge writes itself down."""

    @workflow.run
    async def run(self, request: Any) -> Any:
        """Wait."""
        await workflow.sleep(timedelta(seconds=1))
        return request
