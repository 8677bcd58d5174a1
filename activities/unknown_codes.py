"""The counted warning about a code of a gateway that no table of ours knows: it got the safe answer, and needs a row."""

import structlog
from temporalio import activity

log = structlog.get_logger()

UNKNOWN_CODES = "quittance_unknown_decline_codes"
"""Counter, by gateway. The code itself is in the log: a label for each would have no limit."""


def warn(gateway: str, code: str, operation_id: str) -> None:
    """Log the code and count it; a step that runs again counts it again. Outside an activity it is only logged."""
    log.warning("decline.code_unknown", gateway=gateway, code=code, operation_id=operation_id)
    if activity.in_activity():
        counter = activity.metric_meter().create_counter(
            UNKNOWN_CODES, "Declines whose code no table knows", "declines"
        )
        counter.add(1, {"gateway": gateway})
