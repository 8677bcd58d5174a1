"""A customer pays by a link: what the page shows, what they do there, and what becomes of it."""

import asyncio
from collections.abc import Callable

import pytest

from tests.api.pay.visitor import Browser, House, forms

pytestmark = pytest.mark.simulator


async def test_page_shows_what_is_owed(house: House, browser: Browser) -> None:
    """Invoice, amount and merchant are told, with the methods on file and two ways to pay."""
    debt = await house.debt()
    await house.method(debt)
    page = await browser.open(debt.address)
    assert page.status_code == 200
    for told in ("Invoice INV-", "$19.00", "Ada &amp; Söhne", "Visa", "good until December 2034", 'lang="en"'):
        assert told in page.text, told
    assert forms(page.text) == {"pay", "method"}
    assert "Use another card" in page.text
    assert "Use PayPal" in page.text


async def test_page_speaks_the_customers_language(house: House, browser: Browser) -> None:
    """A customer in Austria reads German, and amounts as they are written there."""
    debt = await house.debt(locale="de-AT", time_zone="Europe/Vienna")
    await house.method(debt)
    page = (await browser.open(debt.address)).text
    for told in ("Rechnung INV-", "Offener Betrag", "19,00", "gültig bis Dezember 2034", 'lang="de"'):
        assert told in page, told


async def test_looking_uses_nothing_up(house: House, browser: Browser) -> None:
    """A mail scanner that opens the link, once or often, takes nothing from the customer."""
    debt = await house.debt()
    for _ in range(3):
        assert (await browser.open(debt.address)).status_code == 200
    assert (await browser.http.head(debt.address)).status_code == 200
    assert house.link(debt)["used_at"] is None
    assert house.wishes(debt) == []


async def test_paying_with_a_method_on_file(house: House, browser: Browser) -> None:
    """The wish is written with the method and that the customer is there, and wakes the process; the link is used up."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    house.wakes(debt)
    answer = await browser.post(f"{debt.address}/pay", method=method_id)
    assert (answer.status_code, answer.headers["location"]) == (303, debt.address)
    [wish] = house.wishes(debt)
    assert (wish["kind"], wish["by"], wish["method_id"]) == ("retried_now", "customer", method_id)
    assert wish["customer_present"] is True
    assert house.wakes(debt) >= 1
    link = house.link(debt)
    assert (link["used_for"], link["method_id"], link["last_try"]) == ("payment", method_id, -1)
    page = await browser.open(debt.address)
    assert "Your payment is being made" in page.text
    assert 'http-equiv="refresh" content="3"' in page.text
    assert forms(page.text) == set()


async def test_bank_asks_the_customer(house: House, browser: Browser) -> None:
    """The browser that acted is sent to the bank; back from there it waits for the result, and is not sent there again."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    await browser.post(f"{debt.address}/pay", method=method_id)
    house.tries(debt, method_id, 1, "requires_action", "https://bank.example/3ds?id=1&x=2")
    sent = await browser.open(debt.address)
    assert (sent.status_code, sent.headers["location"]) == (303, "https://bank.example/3ds?id=1&x=2")
    back = await browser.open(f"{house.url}/pay/returned")
    assert (back.status_code, back.headers["location"]) == (303, f"{debt.address}?returned")
    page = await browser.open(back.headers["location"])
    assert page.status_code == 200
    assert "Confirm with your bank" in page.text
    assert "https://bank.example/3ds?id=1&amp;x=2" in page.text
    await house.pay_elsewhere(debt)
    assert "This invoice is paid" in (await browser.open(back.headers["location"])).text


async def test_paid_elsewhere_meanwhile(house: House, browser: Browser) -> None:
    """A transfer that came first is told, and nothing more is asked for."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await house.pay_elsewhere(debt)
    page = await browser.open(debt.address)
    assert "This invoice is paid" in page.text
    assert forms(page.text) == set()
    refused = await browser.post(f"{debt.address}/pay", method=method_id)
    assert refused.status_code == 409
    assert "This invoice is paid" in refused.text
    assert house.wishes(debt) == []


async def test_declined_is_told_and_offered_again(
    house: House, browser: Browser, new_browser: Callable[[], Browser]
) -> None:
    """A decline is told without its reason; the browser that acted gets another link, and nobody else does."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    await browser.post(f"{debt.address}/pay", method=method_id)
    house.tries(debt, method_id, 1, "declined")
    page = await browser.open(debt.address)
    assert "did not go through" in page.text
    assert forms(page.text) == {"again"}
    stranger = new_browser()
    assert forms((await stranger.open(debt.address)).text) == set()
    assert (await stranger.post(f"{debt.address}/again")).status_code == 410
    first, twice = await asyncio.gather(*(browser.post(f"{debt.address}/again") for _ in range(2)))
    assert first.status_code == twice.status_code == 303
    assert first.headers["location"] == twice.headers["location"] != debt.address
    following = await browser.open(first.headers["location"])
    assert forms(following.text) == {"pay", "method"}
    paid = await browser.post(f"{first.headers['location']}/pay", method=method_id)
    assert paid.status_code == 303
    assert len(house.wishes(debt)) == 2


async def test_again_only_after_a_decline(house: House, browser: Browser) -> None:
    """Neither an unused link nor one whose payment is under way is followed by another."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    assert (await browser.post(f"{debt.address}/again")).status_code == 409
    await browser.post(f"{debt.address}/pay", method=method_id)
    house.tries(debt, method_id, 1, "processing")
    assert (await browser.post(f"{debt.address}/again")).status_code == 409
    assert len(house.rows("SELECT 1 FROM pay_links WHERE invoice_id = %s", debt.invoice_id)) == 1


async def test_double_click_pays_once(house: House, browser: Browser) -> None:
    """Many posts at once are one wish: the first is taken, the others are told that the link was used."""
    debt = await house.debt()
    method_id = await house.method(debt)
    answers = await asyncio.gather(*(browser.post(f"{debt.address}/pay", method=method_id) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [410] * 7
    assert len(house.wishes(debt)) == 1
    assert "This link was used already" in next(answer.text for answer in answers if answer.status_code == 410)


async def test_two_links_of_one_invoice_pay_once(house: House, browser: Browser) -> None:
    """While a payment by one link is under way, another link of the invoice begins none, and stays good."""
    debt = await house.debt()
    other = await house.another(debt)
    method_id = await house.method(debt)
    assert (await browser.post(f"{debt.address}/pay", method=method_id)).status_code == 303
    house.tries(debt, method_id, 1, "processing")
    answer = await browser.post(f"{other.address}/pay", method=method_id)
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    assert len(house.wishes(debt)) == 1
    assert house.link(other)["used_at"] is None


async def test_somebody_elses_method(house: House, browser: Browser) -> None:
    """Only the customer's own methods can be charged, and those that are left; the link stays good."""
    debt, other = await house.debt(), await house.debt()
    theirs = await house.method(other)
    removed = await house.method(debt)
    await house.remove(removed)
    for method_id in (theirs, removed, "pm_none", ""):
        assert (await browser.post(f"{debt.address}/pay", method=method_id)).status_code == 409
    assert house.wishes(debt) == []
    assert house.link(debt)["used_at"] is None


async def test_nobody_collects_it(house: House, browser: Browser) -> None:
    """An invoice that no process recovers is not paid at once, but a method can be given."""
    debt = await house.debt(is_recovered=False)
    method_id = await house.method(debt)
    assert forms((await browser.open(debt.address)).text) == {"method"}
    assert (await browser.post(f"{debt.address}/pay", method=method_id)).status_code == 409


async def test_expired_method_is_not_offered(house: House, browser: Browser) -> None:
    """A card that has expired is shown as that, and the customer gives another one."""
    debt = await house.debt()
    await house.method(debt, expires_on="2024-01-31")
    page = (await browser.open(debt.address)).text
    assert forms(page) == {"method"}
