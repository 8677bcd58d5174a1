"""What a gateway call raises. A decline is not here: it is an answer, and comes back as an outcome.

GatewayError
|-- NotExecuted          the request had no effect; the same request may be sent again unchanged
|   |-- GatewayUnreachable    no connection was made
|   |-- RateLimited           429: too many requests; `retry_after_seconds` where the gateway says so
|   `-- KeyInUse              409: a request with this idempotency key is still being worked on
|-- OutcomeUnknown       the request may or may not have had an effect; only the gateway can tell
`-- Misconfigured        it can never work as it is: wrong credentials, or one key for two different requests
"""


class GatewayError(Exception):
    """Any failure of a gateway call; `gateway` is its name, `retry_after_seconds` a wait that it asked for."""

    def __init__(self, gateway: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{gateway}: {message}")
        self.gateway = gateway
        self.retry_after_seconds = retry_after_seconds


class NotExecuted(GatewayError):
    """The gateway did nothing: the same request may be sent again."""


class GatewayUnreachable(NotExecuted):
    """No connection could be made."""


class RateLimited(NotExecuted):
    """The gateway asked for fewer requests."""


class KeyInUse(NotExecuted):
    """Another request with the same idempotency key is under way at the gateway."""


class OutcomeUnknown(GatewayError):
    """Timeout, reset, server error or unreadable answer: the effect is not known."""


class Misconfigured(GatewayError):
    """Sending the same request again can never work: a person has to change a setting or the code."""
