"""The lot that falls to an invoice: from its id, so that a repetition draws the same; what is drawn spreads load."""

import hashlib
from functools import lru_cache


@lru_cache(maxsize=16384)
def lot(invoice_id: str, purpose: str, outcomes: int) -> int:
    """Draw a number from 0 to `outcomes` - 1; lots of one invoice for different purposes are independent."""
    digest = hashlib.sha256(f"{purpose}:{invoice_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % outcomes
