"""How often and how long one charge may be tried within its session."""

from pydantic import Field, model_validator

from gateways.routing.value import Value


class Limits(Value):
    """Limits of one charge."""

    attempts: int = Field(default=3, ge=1, le=10)
    attempts_per_gateway: int = Field(default=2, ge=1, le=10)
    total_seconds: int = Field(default=120, ge=1, le=3600)
    """From when the first attempt was written down; no attempt starts later."""

    @model_validator(mode="after")
    def _agree(self) -> "Limits":
        if self.attempts_per_gateway > self.attempts:
            raise ValueError("attempts_per_gateway is over attempts, so it limits nothing: lower it")
        return self
