"""The first collection of an invoice, while its charge is decided beside it."""

from collections.abc import Sequence
from typing import Any

import pytest

from activities.dunning_messages import Moment
from activities.subscription_books import SubscriptionBooks
from billing import try_books
from billing.dunning.policy import Policies
from billing.tries import InvoiceTry
from ledger import charges
from tests.billing.recovery import FAILED_AT, Recovery, edition


async def test_what_is_taken_while_the_invoice_is_looked_at_is_not_dunned(
    recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charge was under way when its try was read, and had the money a moment later: nobody has failed to pay."""
    invoice_id = await recovery.bill()
    steps = SubscriptionBooks(recovery.engine, Policies(editions=(edition(),)))
    moment = Moment(invoice_id=invoice_id, now=FAILED_AT)
    begun = (await steps.collect(moment)).charge
    assert begun is not None
    await recovery.step(lambda books: charges.open_charge(books, begun, "stripe", "the only one"))
    read, reads = try_books.of_invoice, list[int]()

    async def read_as_it_is_taken(*given: Any) -> Sequence[InvoiceTry]:
        made = await read(*given)
        reads.append(len(made))
        if len(reads) == 1:
            await recovery.take(begun)
        return made

    monkeypatch.setattr(try_books, "of_invoice", read_as_it_is_taken)
    found = await steps.collect(moment)
    assert (found.in_dunning, found.charge) == (False, begun)
    found = await steps.collect(moment)
    assert (found.in_dunning, found.charge, found.why) == (False, None, "it is paid")
    assert await recovery.differences() == []
