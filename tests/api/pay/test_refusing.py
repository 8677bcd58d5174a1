"""What a link does not do: forged, lapsed and used ones, forms from elsewhere, markup in names, too many requests."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from billing.link_keys import LinkAddresses, LinkKeys
from local import api
from local.ports import free_port
from tests.api.conftest import environment
from tests.api.pay.visitor import KEY, OLD_KEY, Browser, House, forms

pytestmark = pytest.mark.simulator


async def test_forged_and_foreign_tokens(house: House, browser: Browser) -> None:
    """Whoever has no token of ours learns nothing: not that there is such a link, invoice or customer."""
    debt = await house.debt()
    token = debt.address.rpartition("/")[2]
    link_id, _, signature = token.partition(".")
    other = (await house.debt()).address.rpartition("/")[2].partition(".")[2]
    foreign = LinkKeys(["a key of somebody else who signs links too"]).token(link_id)
    of_browser = house.addresses.keys.of_browser(link_id)
    changed = f"{link_id[:-1]}{'A' if link_id[-1] != 'A' else 'B'}.{signature}"
    unknown = house.addresses.keys.token("A" * 22)
    pages = set()
    for forged in (
        link_id,
        f"{link_id}.",
        f"{link_id}.{other}",
        foreign,
        of_browser,
        changed,
        unknown,
        "x" * 5000,
        "%00",
    ):
        for step, post in (("", False), ("/back", False), ("/pay", True), ("/method", True), ("/again", True)):
            address = f"{house.url}/pay/{forged}{step}"
            answer = await (browser.post(address, method="pm_1") if post else browser.open(address))
            if forged == unknown and post:
                assert answer.status_code in {404, 410}, step
                continue
            assert answer.status_code == 404, (forged, step)
            pages.add(answer.text)
    assert len(pages) == 1
    assert debt.invoice_id not in pages.pop()
    assert house.link(debt)["used_at"] is None


async def test_key_is_changed(house: House, browser: Browser) -> None:
    """A link that was signed with the key before stays good."""
    debt = await house.debt()
    old = LinkAddresses(LinkKeys([OLD_KEY]), house.url).of(debt.link.link_id)
    assert old != debt.address
    assert "Amount due" in (await browser.open(old)).text


async def test_lapsed_link(house: House, browser: Browser) -> None:
    """A link that has lapsed says so, and nothing of the invoice; no act by it is taken."""
    debt = await house.debt(life=timedelta(days=14), ago=timedelta(days=14, seconds=1))
    method_id = await house.method(debt)
    for answer in (
        await browser.open(debt.address),
        await browser.open(f"{debt.address}/back"),
        await browser.post(f"{debt.address}/pay", method=method_id),
        await browser.post(f"{debt.address}/method", gateway="stripe"),
    ):
        assert answer.status_code == 410
        assert "This link has lapsed" in answer.text
        assert "INV-" not in answer.text
    assert house.wishes(debt) == []


async def test_used_link(house: House, browser: Browser, new_browser: Callable[[], Browser]) -> None:
    """After its use a link shows how the invoice stands, and refuses whatever else is done by it, whoever does it."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.post(f"{debt.address}/pay", method=method_id)
    await house.pay_elsewhere(debt)
    for each in (browser, new_browser()):
        page = await each.open(debt.address)
        assert page.status_code == 200
        assert "This invoice is paid" in page.text
        for step, form in (("pay", {"method": method_id}), ("method", {"gateway": "stripe"}), ("again", {})):
            refused = await each.post(f"{debt.address}/{step}", **form)
            assert refused.status_code in {409, 410}, step
            assert "method" not in forms(refused.text)
    refused = await browser.post(f"{debt.address}/pay", method=method_id)
    assert refused.status_code == 410
    assert "This link was used already" in refused.text
    assert len(house.wishes(debt)) == 1


async def test_bank_is_for_the_browser_that_acted(
    house: House, browser: Browser, new_browser: Callable[[], Browser]
) -> None:
    """Nobody else who opens the link is sent to the customer's bank by it."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    await browser.post(f"{debt.address}/pay", method=method_id)
    house.tries(debt, method_id, 1, "requires_action", "https://bank.example/3ds")
    assert (await new_browser().open(debt.address)).status_code == 200
    assert (await browser.open(debt.address)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
    ],
)
async def test_form_from_another_site(house: House, browser: Browser, headers: dict[str, str]) -> None:
    """A form that another site makes the browser send is refused before anything is read."""
    debt = await house.debt()
    method_id = await house.method(debt)
    for step, form in (("pay", {"method": method_id}), ("method", {"gateway": "stripe"}), ("again", {})):
        answer = await browser.http.post(f"{debt.address}/{step}", data={"a": "b", **form}, headers=headers)
        assert answer.status_code == 403, step
        assert "came from another page" in answer.text
    assert house.wishes(debt) == []
    assert house.link(debt)["used_at"] is None


@pytest.mark.parametrize("origin", [None, "null", "ours"])
async def test_form_of_an_older_browser(house: House, browser: Browser, origin: str | None) -> None:
    """A browser that does not tell the site is believed where nothing speaks against it."""
    debt = await house.debt()
    method_id = await house.method(debt)
    headers = {} if origin is None else {"origin": house.url if origin == "ours" else origin}
    answer = await browser.http.post(f"{debt.address}/pay", data={"method": method_id}, headers=headers)
    assert answer.status_code == 303


async def test_markup_is_text(house: House, browser: Browser) -> None:
    """What comes from a person or a gateway is shown as text: no markup, no script and no style of theirs."""
    debt = await house.debt()
    method_id = await house.method(debt)
    evil = '"><script>alert(1)</script>'
    await browser.open(debt.address)
    await browser.post(f"{debt.address}/pay", method=method_id)
    house.tries(debt, method_id, 1, "requires_action", f"https://bank.example/{evil}")
    page = await browser.open(f"{debt.address}?returned={evil}")
    assert "<script" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text
    assert "Ada &amp; Söhne" in page.text


async def test_headers_of_every_page(house: House, browser: Browser, new_browser: Callable[[], Browser]) -> None:
    """No page may run a script, be framed, be kept, or tell its address to another site; the cookie is out of reach too."""
    debt = await house.debt()
    pages = [
        await browser.open(debt.address),
        await browser.open(f"{house.url}/pay/none"),
        await new_browser().open(f"{house.url}/pay/returned"),
    ]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
    cookie = pages[0].headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/pay" in cookie
    assert "set-cookie" not in pages[1].headers


async def test_too_many_requests(house: House, browser: Browser) -> None:
    """Whoever tries one link too often waits; the customer of another link does not."""
    debt, other = await house.debt(), await house.debt()
    answers = [await browser.post(f"{debt.address}/pay", method="pm_none") for _ in range(13)]
    assert [answer.status_code for answer in answers] == [409] * 12 + [429]
    assert answers[-1].headers["retry-after"] == "60"
    assert (await browser.open(debt.address)).status_code == 200
    assert (await browser.post(f"{other.address}/pay", method="pm_none")).status_code == 409


async def test_large_and_strange_bodies(house: House, browser: Browser) -> None:
    """A body that is no small form is refused in one line."""
    debt = await house.debt()
    for content, kind, status in (
        (b"{}", "application/json", 415),
        (b"method=" + b"x" * 600_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a=b" for _ in range(50)), "application/x-www-form-urlencoded", 400),
        (b"method=\xff\xfe", "application/x-www-form-urlencoded", 400),
    ):
        answer = await browser.http.post(f"{debt.address}/pay", content=content, headers={"content-type": kind})
        assert answer.status_code == status
        assert len(answer.text.splitlines()) == 1


async def test_tokens_are_in_no_log(house: House, browser: Browser) -> None:
    """Whoever reads the log cannot pay: the service writes neither tokens nor ids of links."""
    debt = await house.debt()
    method_id = await house.method(debt)
    await browser.open(debt.address)
    await browser.http.post(f"{debt.address}/pay", content=b"{}", headers={"content-type": "application/json"})
    await browser.http.put(debt.address)
    await browser.post(f"{debt.address}/pay", method="pm_none")
    await browser.post(f"{debt.address}/pay", method=method_id)
    written = house.log.read_text()
    assert "pay_link.used" in written
    assert debt.invoice_id in written
    assert debt.link.link_id not in written


async def test_without_a_key_there_are_no_pages(house: House, browser: Browser) -> None:
    """A service that cannot sign links has no pages of them, and runs all the same."""
    settings = {"PAY_LINK_KEY": ""}
    log = house.log.with_name("keyless")
    with api.start(environment(house.app_url, **settings), port=free_port(), log=log) as service:
        async with httpx.AsyncClient(trust_env=False) as http:
            token = LinkKeys([KEY]).token("A" * 22)
            for address in (f"/pay/{token}", "/pay/returned", "/pay/style.css"):
                assert (await http.get(f"{service.url}{address}")).status_code == 404
            assert (await http.get(f"{service.url}/health")).status_code == 200
