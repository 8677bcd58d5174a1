"""Balances of the past are the plain sum of the lines that count, at every moment and by both clocks."""

from collections import Counter

import pytest
from hypothesis import given
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import history
from ledger.entries import Entry
from ledger.errors import TooManyRows, UnknownAccount
from ledger.moments import Moment
from tests.ledger import pasts
from tests.ledger.pasts import many_pasts


@many_pasts
@given(batches=pasts.postings())
async def test_at_every_moment_balances_are_the_sum_of_the_lines_that_count(
    connection: AsyncConnection, batches: list[list[Entry]]
) -> None:
    """Whatever came late, and however late: what had happened by one moment and was known by another is counted, no more."""
    past = await pasts.post(connection, batches)
    for happened in past.happenings:
        for known in past.recordings:
            moment = Moment(happened=happened, known=known)
            rows = await history.trial_balance(connection, moment=moment)
            found = {(row.account, row.currency): row.balance_minor for row in rows}
            assert found == past.balances(moment), moment
