"""Payment methods whose card was renewed behind the token: what is written of it, and that nothing else changes one."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing import methods
from billing.errors import ChangeRefused
from billing.methods import Method
from ledger.answers import CardFacts
from tests.billing.books import Books
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery
from tests.billing.test_customers import added

STRIPE = "gateway:stripe"
OLD: dict[str, Any] = {"brand": "visa", "country": "DE", "funding": "debit", "fingerprint": "fp_old"}
FACTS = CardFacts(**OLD, expires="2027-03")


async def had(books: Books, **changes: Any) -> Method:
    """A method of the customer's that is known whole, unless said otherwise."""
    await added(books, "pm_1", **OLD | {"expires_on": date(2027, 3, 31)} | changes)
    return await known(books)


async def known(books: Books) -> Method:
    return await books.step(lambda connection: methods.known(connection, "pm_1"))


async def renewed(books: Books, seen: Method, **told: str | None) -> Method:
    """Write down what the gateway told."""
    facts = FACTS.model_copy(update=told)
    return await books.step(lambda connection: methods.renew(connection, seen, facts, actor=STRIPE))


async def refused(books: Books, statement: str) -> None:
    with pytest.raises(DBAPIError, match="what is known of its card changes with a renewal of it"):
        await books.step(lambda connection: connection.execute(text(statement)))


async def test_a_new_expiry_renews_it_in_place(books: Books) -> None:
    """The same card for longer: token, preference and card stay, and it is known when and by whom it was heard of."""
    before = await had(books)
    after = await renewed(books, before, expires="2031-02")
    assert after.renewed_at is not None
    assert after == before.model_copy(
        update={"expires_on": date(2031, 2, 28), "renewed_at": after.renewed_at, "renewed_by": STRIPE}
    )


async def test_a_new_number_is_another_card(books: Books) -> None:
    """Its tries are counted anew, as at the network; the tries of the old number stay the old number's."""
    before = await had(books)
    after = await renewed(books, before, fingerprint="fp_new", brand="mastercard", country="FR", funding="credit")
    assert (after.fingerprint, after.brand, after.country, after.funding) == ("fp_new", "mastercard", "FR", "credit")
    assert after.card != before.card
    assert after.renewed_at is not None


async def test_what_did_not_change_renews_nothing(books: Books) -> None:
    """A gateway that tells the same again, or tells less, makes nobody try again."""
    before = await had(books)
    assert await renewed(books, before) == before
    told = dict.fromkeys(("fingerprint", "brand", "country", "funding", "expires"))
    assert await renewed(books, before, **told) == before


async def test_what_was_not_known_is_learned_and_is_no_renewal(books: Books) -> None:
    """That we know a card better makes it no new one, so no try is made for it; what was known changes with it."""
    before = await had(books, brand=None, country=None, funding=None, fingerprint=None)
    learned = await renewed(books, before)
    assert (learned.brand, learned.fingerprint, learned.renewed_at) == ("visa", "fp_old", None)
    assert (await renewed(books, learned, expires="2031-02")).renewed_at is not None


async def test_each_renewal_is_later_than_the_one_before(books: Books) -> None:
    """So that whoever tried after the first one hears of the second."""
    first = await renewed(books, await had(books), expires="2029-01")
    second = await renewed(books, first, expires="2031-02")
    assert first.renewed_at is not None
    assert second.renewed_at is not None
    assert first.renewed_at < second.renewed_at


async def test_an_answer_that_was_overtaken_is_not_written(books: Books) -> None:
    """Of two that asked at once, the one with the older answer writes last and undoes nothing; the same answer is none."""
    seen = await had(books)
    newest = await renewed(books, seen, expires="2031-02")
    with pytest.raises(ChangeRefused, match="it changed while its gateway was asked: ask again"):
        await renewed(books, seen, expires="2029-01")
    assert await renewed(books, seen, expires="2031-02") == newest == await known(books)


async def test_never_stays_with_the_number_of_which_it_was_said(books: Books) -> None:
    """A stolen card with a later expiry is a stolen card; its successor under the same token may be charged."""
    before = await had(books)
    await books.step(lambda connection: methods.mark_never(connection, "pm_1", "visa 43, stolen card"))
    assert not (await renewed(books, await known(books), expires="2031-02")).is_usable
    replaced = await renewed(books, await known(books), expires="2031-02", fingerprint="fp_new")
    assert replaced.is_usable
    await added(books, "pm_2", fingerprint="fp_old")
    assert not (await books.step(lambda connection: methods.known(connection, "pm_2"))).is_usable
    assert before.card != replaced.card


async def test_what_was_said_of_a_token_is_of_the_card_that_it_stood_for(books: Books) -> None:
    """Also where its number was learned only later: the number has it, and the next number under the token has not."""
    await had(books, fingerprint=None)
    await books.step(lambda connection: methods.mark_never(connection, "pm_1", "do not try again"))
    learned = await renewed(books, await known(books))
    assert not learned.is_usable
    assert (await renewed(books, learned, fingerprint="fp_new")).is_usable
    await added(books, "pm_2", fingerprint="fp_old")
    assert not (await books.step(lambda connection: methods.known(connection, "pm_2"))).is_usable


async def test_a_card_that_was_never_under_its_new_number_too_is_not_charged(books: Books) -> None:
    """The number that came is known already, from another token of it, and may never be tried again."""
    await added(books, "pm_2", fingerprint="fp_new")
    await books.step(lambda connection: methods.mark_never(connection, "pm_2", "lost card"))
    assert not (await renewed(books, await had(books), fingerprint="fp_new")).is_usable


async def test_what_is_gone_is_renewed_no_more(books: Books) -> None:
    """Removed, with the reason where there is one, and that is the end of it."""
    seen = await had(books)
    gone = await books.step(
        lambda connection: methods.remove(connection, "pm_1", actor=STRIPE, because="stripe has it no more")
    )
    assert (gone.removed_by, gone.removed_because) == (STRIPE, "stripe has it no more")
    with pytest.raises(ChangeRefused, match="it was removed or replaced: add it again"):
        await renewed(books, seen, expires="2031-02")
    assert await books.step(lambda connection: methods.by_tokens(connection, "stripe", ["tok_pm_1"])) == []
    with pytest.raises(DBAPIError, match="what became of it is not undone"):
        await books.step(lambda books: books.execute(text("UPDATE payment_methods SET removed_because = 'mine'")))


@pytest.mark.parametrize(
    "change",
    [
        "fingerprint = 'fp_mine'",
        "expires_on = '2099-12-31'",
        "brand = 'amex'",
        "country = 'US'",
        "funding = 'credit'",
        "fingerprint = NULL, renewed_at = clock_timestamp(), renewed_by = 'me'",
        "expires_on = NULL, renewed_at = clock_timestamp(), renewed_by = 'me'",
        "expires_on = '2099-12-31', renewed_at = '2020-01-01', renewed_by = 'me'",
        "renewed_at = clock_timestamp(), renewed_by = 'me'",
    ],
)
async def test_no_program_changes_a_card_but_with_a_renewal(books: Books, change: str) -> None:
    """PostgreSQL lets nobody change quietly what a card is, nor say that one was renewed that was not."""
    before = await had(books)
    await refused(books, f"UPDATE payment_methods SET {change}")  # noqa: S608 # the statements are ours
    assert await known(books) == before


@pytest.mark.parametrize("change", ["renewed_at = NULL, renewed_by = NULL", "renewed_by = 'me'"])
async def test_a_renewal_is_not_undone(books: Books, change: str) -> None:
    """When and by whom stays."""
    await renewed(books, await had(books), expires="2031-02")
    await refused(books, f"UPDATE payment_methods SET {change}")  # noqa: S608 # the statements are ours


@pytest.mark.parametrize("told", [{"fingerprint": "fp_new"}, {"expires": "2040-02"}], ids=["number", "expiry"])
async def test_a_renewed_card_is_tried_at_once_and_uses_up_no_try(recovery: Recovery, told: dict[str, str]) -> None:
    """Also a longer life of the same number: the unpaid invoice is looked at again, and the policy's tries are all left."""
    await recovery.fail()
    assert (await recovery.next_try(FAILED_AT)).at > FAILED_AT + 2 * HOUR
    await recovery.woken()

    async def renew(**facts: str) -> Method:
        seen = await recovery.step(lambda connection: methods.known(connection, "pm_1"))
        news = CardFacts(**facts)
        return await recovery.step(lambda connection: methods.renew(connection, seen, news, actor=STRIPE))

    await renew(expires="2039-02")
    assert (await recovery.next_try(FAILED_AT + HOUR)).is_rung
    await renew(**told)
    assert await recovery.woken() == {"dunning/in_1"}
    decided = await recovery.next_try(FAILED_AT + DAY)
    assert (decided.method, decided.is_rung, decided.at) == ("pm_1", False, FAILED_AT + DAY)
