"""Times as PayPal writes and reads them: RFC 3339 with seconds."""

import re
from datetime import UTC, datetime

PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}([.]\d+)?([Zz]|[+-]\d{2}:?\d{2})")


def write(unix: int) -> str:
    """`2026-11-21T02:39:00Z`."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> float:
    """Unix seconds; raises ValueError."""
    if not PATTERN.fullmatch(text):
        raise ValueError(f"not a date and time: {text}")
    return datetime.fromisoformat(text.upper()).timestamp()
