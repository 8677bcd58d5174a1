"""The counted warnings about codes of a gateway that no table of ours knows: they got the safe answer, and need a row."""

from collections.abc import Sequence

import structlog
from temporalio import activity

log = structlog.get_logger()

UNKNOWN_CODES = "quittance_unknown_decline_codes"
"""Counter, by gateway. The code itself is in the log: a label for each would have no limit."""

UNCLASSED_CODES = "quittance_unclassed_decline_codes"
"""Counter, by gateway, of codes that the classes of dunning do not know."""


def warn(gateway: str, code: str, operation_id: str) -> None:
    """Log the code and count it; a step that runs again counts it again. Outside an activity it is only logged."""
    log.warning("decline.code_unknown", gateway=gateway, code=code, operation_id=operation_id)
    _count(UNKNOWN_CODES, "Declines whose code no table knows", gateway)


def warn_unclassed(gateway: str, codes: Sequence[str], operation_id: str) -> None:
    """Log what the classes of dunning do not know of a decline, such as `visa network ZZ`, and count it, as `warn` does."""
    if codes:
        log.warning("decline.code_unclassed", gateway=gateway, codes=list(codes), operation_id=operation_id)
        _count(UNCLASSED_CODES, "Declines with a code that the classes of dunning do not know", gateway)


def _count(name: str, description: str, gateway: str) -> None:
    if activity.in_activity():
        activity.metric_meter().create_counter(name, description, "declines").add(1, {"gateway": gateway})
