"""PayPal-Request-Ids: what was made under which one, so that a repeat gets the same object, in its latest state.

Only what succeeded is remembered; a refused request is tried anew. Ids are forgotten after hours (orders) or weeks.
"""

import hashlib
import json
from typing import Any

from simulators.paypal.errors import Problem
from simulators.paypal.turn import Turn
from simulators.store import Document

KIND = "request_id"
LONGEST = 108


def require_wellformed(request_id: str | None) -> None:
    """Raise Problem for an id that PayPal would not take."""
    if request_id is not None and not 1 <= len(request_id) <= LONGEST:
        raise Problem("INVALID_STRING_LENGTH", "PayPal-Request-Id", location=None)


def find(turn: Turn, path: str, body: dict[str, Any]) -> str | None:
    """Id of the object that an earlier request with the same id made at this path; None for a first one."""
    if turn.request_id is None:
        return None
    kept = turn.transaction.get(KIND, _name(path, turn.request_id))
    if kept is None or turn.now >= kept["until"]:
        return None
    if kept["content"] != _digest(body) and turn.setting("changed_repeat") == "refuse":
        raise Problem("PAYPAL_REQUEST_ID_PREVIOUSLY_USED", "PayPal-Request-Id", turn.request_id, location=None)
    object_id: str = kept["object_id"]
    return object_id


def is_used(turn: Turn, path: str) -> bool:
    """Whether an earlier request with the same id made something at this path, whatever its content."""
    if turn.request_id is None:
        return False
    kept = turn.transaction.get(KIND, _name(path, turn.request_id))
    return kept is not None and turn.now < kept["until"]


def keep(turn: Turn, path: str, body: dict[str, Any], object_id: str, seconds: int) -> None:
    """Remember for so long what was made under the request's id."""
    if turn.request_id is None:
        return
    kept: Document = {
        "id": _name(path, turn.request_id),
        "object_id": object_id,
        "content": _digest(body),
        "until": turn.now + seconds,
    }
    turn.save(KIND, kept)


def _name(path: str, request_id: str) -> str:
    return f"{path} {request_id}"


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
