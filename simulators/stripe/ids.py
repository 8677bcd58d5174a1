"""Identifiers as Stripe makes them: a prefix that tells the kind, and random letters and digits."""

import random
import string

_ALPHABET = string.ascii_letters + string.digits


def new(prefix: str, length: int = 24) -> str:
    """A new identifier, such as `pi_3MtwBwLkdIwHu7ix28a3tqPa`."""
    return f"{prefix}_{''.join(random.choices(_ALPHABET, k=length))}"
