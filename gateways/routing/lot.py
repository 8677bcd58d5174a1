"""The lot that falls to a charge: drawn from its id, so that it is the same in every process and at every repetition."""

import hashlib

MILLION = 1_000_000


def lot(charge_id: str, purpose: str, outcomes: int) -> int:
    """Draw a number from 0 to `outcomes` - 1; lots of one charge for different purposes are independent."""
    digest = hashlib.sha256(f"{purpose}:{charge_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % outcomes


def falls_within(charge_id: str, purpose: str, share_millionths: int) -> bool:
    """Whether the charge is among this share of all charges."""
    return lot(charge_id, purpose, MILLION) < share_millionths
