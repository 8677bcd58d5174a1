"""What a person says to a charge or a refund in review: the update `resolve_review`."""

from ledger.record import Identifier, Record
from ledger.reviews import Because, Word

RESOLVE_REVIEW = "resolve_review"
"""The update of charges and refunds that takes a person's word; its answer is the view of where they stand then."""
GATEWAY_NOT_READ = "GatewayNotRead"
"""Type of the refusal of a word that could not be held against the gateway, since it does not answer now."""


class ResolveReview(Record):
    """A person's word on the operation in review; refused where they may not say it, or the gateway says otherwise."""

    as_: Word
    because: Because
    by: Identifier
    """The person, as REVIEWERS names them."""
