"""What other services post over HTTP: refused with nothing written, or posted once, and answered only then."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.bodies import MAX_BODY_BYTES
from tests.api.conftest import Service
from tests.api.shop import DAY, KEY, Shop, entry, fresh, line, paid
from tests.ledger.test_account_lines import assert_kept

CALLERS = 60
BANK, WALLET = "bank:main", "wallet:user:w"
REFUSED: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "unbalanced": (
        [line(BANK, "debit", "10.00"), line(WALLET, "credit", "9.99")],
        "UnbalancedEntry",
        "it has 0.01 USD more debits than credits",
    ),
    "empty": ([], "InvalidEntry", "it has 0 lines; give 2 to 200"),
    "one line": ([line(BANK, "debit")], "InvalidEntry", "it has 1 lines; give 2 to 200"),
    "one-sided": (
        [line(BANK, "debit"), line(WALLET, "debit")],
        "UnbalancedEntry",
        "it has 20.00 USD more debits than credits",
    ),
    "zero": ([line(BANK, "debit", 0), line(WALLET, "credit", 0)], "InvalidEntry", "give a positive one"),
    "zero in text": ([line(BANK, "debit", "0"), line(WALLET, "credit", "0")], "InvalidEntry", "greater than zero"),
    "negative": (
        [line(BANK, "debit", -5), line(WALLET, "credit", -5)],
        "InvalidEntry",
        "is -0.05 USD; give a positive",
    ),
    "overflowing": (
        [line(BANK, "debit", 10**40), line(WALLET, "credit", 10**40)],
        "InvalidEntry",
        "is too large: 9,999,999,999,999.99 USD is the most",
    ),
    "no number": ([line(BANK, "debit", "ten"), line(WALLET, "credit", "ten")], "InvalidEntry", "write it like 49.99"),
    "too precise": ([line(BANK, "debit", "1.001"), line(WALLET, "credit", "1.001")], "InvalidEntry", "too precise"),
    "currencies without a rate": (
        [line(BANK, "debit"), line(WALLET, "credit", "9.00", "EUR")],
        "UnbalancedEntry",
        "and EUR does not make up for it: a conversion needs its rate",
    ),
    "unknown account": (
        [line(BANK, "debit"), line("nowhere:x", "credit")],
        "AccountNotInChart",
        "there is no account nowhere:x in the chart",
    ),
    "more than there is": (
        [line("wallet:user:nothing", "debit"), line("revenue:shop", "credit")],
        "AccountShort",
        "account wallet:user:nothing is short of 10.00 USD",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_entry_that_cannot_be_posted_is_refused_with_its_reason(shop: Shop, name: str) -> None:
    """Nothing is written, whether it comes alone, with a good one together, or beside it."""
    lines, refusal, message = REFUSED[name]
    before = shop.entries()
    bad = entry(fresh(), *lines) | {"lines": lines}
    for answer in (await shop.post(bad), await shop.post(entry(), bad)):
        assert answer.status_code == 422
        [told] = answer.json()["entries"]
        assert (told["accepted"], told["refusal"], told["entry_reference"]) == (False, refusal, bad["entry_reference"])
        assert message in told["message"]
    assert shop.entries() == before
    answer = await shop.post(entry(), bad, together=False)
    assert answer.status_code == 200
    good, told = answer.json()["entries"]
    assert (good["accepted"], told["accepted"], told["refusal"]) == (True, False, refusal)
    assert shop.entries() == before + 1


async def test_what_happened_before_the_books_is_refused(shop: Shop) -> None:
    """There is no period that it could be in."""
    answer = await shop.post(entry(event_at="1999-12-31T00:00:00Z"))
    assert (answer.status_code, answer.json()["entries"][0]["refusal"]) == (422, "NoPeriod")


async def test_a_short_account_says_how_much_is_missing(shop: Shop) -> None:
    """A service need not read sentences."""
    name = fresh("w")
    await shop.post(entry(name))
    answer = await shop.post(paid(fresh(), f"wallet:user:{name}", "10.01"))
    [told] = answer.json()["entries"]
    assert (told["account"], told["missing_minor"], told["currency"]) == (f"wallet:user:{name}", 1, "USD")


async def test_a_frozen_account_is_refused(shop: Shop) -> None:
    """What a person froze stays as it is until a person opens it."""
    name = fresh("w")
    await shop.post(entry(name))
    change = "SELECT change_account(%s, 'USD', %s, NULL, 'person:alice', 'a test')"
    shop.superuser.execute(change, [f"wallet:user:{name}", "frozen"])
    answer = await shop.post(paid(fresh(), f"wallet:user:{name}", "1.00"))
    assert (answer.status_code, answer.json()["entries"][0]["refusal"]) == (422, "AccountNotOpen")
    assert "frozen" in answer.json()["entries"][0]["message"]


async def test_a_version_that_has_passed_is_refused_with_the_one_that_is(shop: Shop) -> None:
    """Two buyers who saw the same balance: the second looks again."""
    name = fresh("w")
    code = f"wallet:user:{name}"
    await shop.post(entry(name))
    seen = (await shop.get(f"accounts/{code}/USD")).json()
    assert (seen["posted_minor"], seen["pending_minor"], seen["available_minor"], seen["version"]) == (1000, 0, 1000, 1)
    condition = [{"code": code, "currency": "USD", "version": seen["version"]}]
    assert (await shop.post(paid(fresh(), code, "1.00") | {"conditions": condition})).status_code == 201
    answer = await shop.post(paid(fresh(), code, "1.00") | {"conditions": condition})
    [told] = answer.json()["entries"]
    assert (answer.status_code, told["refusal"], told["version"]) == (422, "AccountVersionChanged", 2)
    least = [{"code": code, "currency": "USD", "at_least_minor": 901}]
    [told] = (await shop.post(paid(fresh(), code, "1.00") | {"conditions": least})).json()["entries"]
    assert (told["refusal"], told["available_minor"]) == ("AccountConditionFailed", 900)


async def test_a_reference_stands_for_one_content(shop: Shop) -> None:
    """The same again is the same entry; something else under its name is a conflict, and nothing is written."""
    one = entry()
    first, again = await shop.post(one), await shop.post(one)
    assert (first.status_code, again.status_code) == (201, 200)
    assert [first.json()["entries"][0]["is_new"], again.json()["entries"][0]["is_new"]] == [True, False]
    assert first.json()["entries"][0]["entry_id"] == again.json()["entries"][0]["entry_id"]
    before = shop.entries()
    other = one | {"description": "another"}
    answer = await shop.post(entry(), other)
    assert (answer.status_code, answer.json()["entries"][0]["refusal"]) == (409, "ReferenceConflict")
    assert answer.json()["entries"][0]["entry_reference"] == one["entry_reference"]
    assert shop.entries() == before


async def test_an_entry_can_be_read_as_it_was_posted(shop: Shop) -> None:
    """By the service that posted it, under its reference, with what each line did."""
    one = entry(lines=[line("bank:main", "debit", "3", "CREDIT"), line(WALLET, "credit", 3, "CREDIT")])
    assert (await shop.post(one)).status_code == 201
    found = (await shop.get(f"entries/{one['entry_reference']}")).json()
    assert (found["actor"], found["rule"], found["event_at"]) == ("service:shop", "posted", DAY.replace("+00:00", "Z"))
    credit = found["lines"][1]
    assert (credit["account"], credit["amount_minor"], credit["currency"]) == (WALLET, 3, "CREDIT")
    assert credit["after_minor"] - credit["before_minor"] == 3
    assert (await shop.get("entries/shop/nothing")).status_code == 404
    assert (await shop.get("accounts/wallet:user:nobody/USD")).status_code == 404


async def test_an_entry_of_its_own_can_be_reversed(shop: Shop) -> None:
    """A mistake is undone by an entry that names it."""
    name = fresh()
    await shop.post(entry(name))
    undo = [line("bank:main", "credit"), line(f"wallet:user:{name}", "debit")]
    reversal = entry(f"{name}.undone", *undo, reverses=f"shop/{name}", rule="undone")
    assert (await shop.post(reversal)).status_code == 201
    assert (await shop.get(f"entries/shop/{name}")).json()["reversed_by"] == [f"shop/{name}.undone"]


def body(**changes: Any) -> bytes:
    """A request, with changes of its entry."""
    return json.dumps({"entries": [entry() | changes]}).encode()


MALFORMED: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "the body is no JSON that can be read"),
    "not UTF-8": (b'{"entries": "\xff"}', "the body is not UTF-8 text"),
    "a list": (b"[]", "must be"),
    "nothing": (b'{"entries": []}', "entries: needs at least one entry"),
    "too many": (json.dumps({"entries": [entry()] * 201}).encode(), "entries: "),
    "nested too deeply": (b'{"entries": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
    "a name twice": (b'{"together": true, "together": false}', "'together' is given twice"),
    "a float": (
        b'{"entries": [{"lines": [{"amount": 12.5}]}]}',
        '12.5 is no whole number: write amounts as text, like "12.50"',
    ),
    "infinity": (b'{"entries": Infinity}', "is no whole number"),
    "a number without end": (b'{"entries": ' + b"1" * 5000 + b"}", "no JSON that can be read"),
    "a field too many": (body(actor="person:alice"), "entries.0.actor: there is no such field"),
    "an operation": (body(operation_id="ch_1:capture:1"), "entries.0.operation_id: there is no such field"),
    "no time zone": (body(event_at="2026-11-02T12:00:00"), "entries.0.event_at: "),
    "no description": (body(description=""), "entries.0.description: "),
    "half a character": (body(description="\ud800"), "entries.0.description: "),
    "two amounts": (
        body(lines=[{**line(BANK, "debit"), "amount_minor": 1000}, line(WALLET, "credit")]),
        "entries.0.lines.0: needs an amount",
    ),
    "truth for an amount": (
        body(lines=[line(BANK, "debit", True), line(WALLET, "credit", True)]),
        "entries.0.lines.0.amount_minor: must be a whole number",
    ),
    "no currency": (
        body(lines=[line(BANK, "debit", currency="XYZ")] * 2),
        "entries.0.lines.0.currency: unknown currency",
    ),
    "a side of a third kind": (body(lines=[line(BANK, "left")] * 2), "entries.0.lines.0.side: must be"),
    "truth in text": (b'{"together": "false", "entries": []}', "together: must be a valid boolean"),
    "a card number": (body(description="paid with 4111 1111 1111 1111"), "what looks like a card number"),
    "a card number for an id": (body(charge_id="4111111111111111"), "what looks like a card number"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_body_that_is_no_posting_is_refused_in_a_line(shop: Shop, name: str) -> None:
    """It says where and what; no value of a card is repeated, and nothing is written."""
    sent, message = MALFORMED[name]
    before = shop.entries()
    answer = await shop.send("postings", sent)
    assert answer.status_code == 400
    assert message in answer.text
    assert answer.text.count("\n") == 1
    assert "4111" not in answer.text
    assert len(answer.text) < 300
    assert shop.entries() == before


async def test_bodies_are_bounded(shop: Shop) -> None:
    """Of another kind, or too large: said before anything of it is read as entries."""
    assert (await shop.send("postings", body(), **{"content-type": "text/plain"})).status_code == 415
    assert (await shop.send("postings", b" " * (MAX_BODY_BYTES + 1))).status_code == 413


@contextmanager
def held(shop: Shop, service: Service, code: str) -> Iterator[psycopg.Connection]:
    """A block in which postings on an account wait, until it is rolled back."""
    with psycopg.connect(service.superuser_url) as blocker:
        blocker.execute(
            "SELECT FROM balances JOIN accounts USING (account_id) WHERE code = %s FOR UPDATE OF balances", [code]
        )
        yield blocker


async def until_blocked(shop: Shop) -> None:
    """Wait until a posting waits for a lock."""
    async with asyncio.timeout(4):
        while not shop.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.02)


async def test_those_who_come_together_share_a_commit_and_none_fails_for_another(shop: Shop, shared: Service) -> None:
    """While one flush waits, all who come are gathered: few transactions, and each caller hears of its own entry alone."""
    group = fresh("group")
    await shop.post(entry(f"{group}.warm", line("bank:hot", "debit"), line("wallet:user:hot", "credit")))
    with held(shop, shared, "bank:hot") as blocker:
        first = asyncio.create_task(
            shop.post(entry(f"{group}.first", line("bank:hot", "debit"), line("wallet:user:hot", "credit")))
        )
        await until_blocked(shop)

        def one(number: int) -> dict[str, Any]:
            amount = "99999.00" if number % 10 == 0 else "0.01"
            sides = ("credit", "debit") if number % 10 == 0 else ("debit", "credit")
            return entry(
                f"{group}.{number}", line("bank:hot", sides[0], amount), line("wallet:user:hot", sides[1], amount)
            )

        others = [asyncio.create_task(shop.post(one(number), together=number % 4 < 2)) for number in range(CALLERS)]
        await asyncio.sleep(1)
        blocker.rollback()
        answers = await asyncio.gather(*others)
    assert (await first).status_code == 201
    for number, answer in enumerate(answers):
        [told] = answer.json()["entries"]
        assert told["entry_reference"] == f"shop/{group}.{number}"
        assert answer.status_code == (200 if number % 4 >= 2 else 422 if number % 10 == 0 else 201)
        assert told.get("refusal") == ("AccountShort" if number % 10 == 0 else None)
    transactions = "SELECT count(DISTINCT transaction_id) FROM entries WHERE reference LIKE %s"
    assert shop.one(transactions, f"shop/{group}.%") <= 2 + CALLERS // 10
    assert shop.entries(f"shop/{group}.%") == 2 + CALLERS - CALLERS // 10


async def test_a_caller_that_hangs_up_has_posted_once(shop: Shop, shared: Service) -> None:
    """What it asked for is done, or not at all; when it asks again, it hears the same entry."""
    await shop.post(entry(fresh(), line("bank:left", "debit"), line(WALLET, "credit")))
    one = entry(fresh("left"), line("bank:left", "debit"), line(WALLET, "credit"))
    sent = json.dumps({"entries": [one]}).encode()
    host, port = shared.url.removeprefix("http://").split(":")
    head = (
        f"POST /ledger/postings HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    with held(shop, shared, "bank:left") as blocker:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + sent)
        await until_blocked(shop)
        writer.transport.abort()
        await asyncio.sleep(0.2)
        blocker.rollback()
    answer = await shop.post(one)
    assert answer.status_code in {200, 201}
    assert shop.entries(one["entry_reference"]) == 1


async def test_a_hundred_who_send_the_same_post_it_once(shop: Shop) -> None:
    """Retries that overtake each other, also with another content under the same name."""
    name = fresh("same")
    wishes = [entry(name) | {"description": "top-up" if number % 5 else f"altered {number}"} for number in range(100)]
    answers = await asyncio.gather(*(shop.post(wish, together=bool(number % 2)) for number, wish in enumerate(wishes)))
    assert shop.entries(f"shop/{name}") == 1
    told = [answer.json()["entries"][0] for answer in answers]
    stands = shop.one("SELECT description FROM entries WHERE reference = %s", f"shop/{name}")
    for wish, each in zip(wishes, told, strict=True):
        assert each["accepted"] == (wish["description"] == stands)
    assert sum(each.get("is_new", False) for each in told) == 1


ITEM = st.sampled_from(["good", "unbalanced", "unknown", "short", "taken", "copy"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(ITEM, min_size=1, max_size=12), together=st.booleans())
async def test_of_any_mix_each_good_entry_is_posted_once(shop: Shop, kinds: list[str], together: bool) -> None:  # noqa: FBT001
    """By itself: each good one, and only those. Together: all, or none. Sent again: the same entries, none new."""
    mix = fresh("mix")
    taken = entry(f"{mix}.taken")
    assert (await shop.post(taken)).status_code == 201
    sent = [_item(kind, f"{mix}.{number}", taken) for number, kind in enumerate(kinds)]
    good = {item["entry_reference"] for kind, item in zip(kinds, sent, strict=True) if kind in {"good", "copy"}}
    good -= {taken["entry_reference"]}
    is_all_good = all(kind in {"good", "copy"} for kind in kinds)
    expected = good if is_all_good or not together else set()
    first, again = [await shop.post(*sent, together=together) for _ in range(2)]
    found = shop.superuser.execute(
        "SELECT reference FROM entries WHERE reference LIKE %s", [f"shop/{mix}.%"]
    ).fetchall()
    assert Counter(row[0] for row in found) == Counter({*expected, taken["entry_reference"]})
    if together and not is_all_good:
        assert {first.status_code, again.status_code} <= {409, 422}
        return
    told = [each["accepted"] for each in first.json()["entries"]]
    assert told == [kind in {"good", "copy"} for kind in kinds]
    assert [each["accepted"] for each in again.json()["entries"]] == told
    assert not any(each.get("is_new") for each in again.json()["entries"])


def _item(kind: str, name: str, taken: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case "unbalanced":
            return entry(name, line(BANK, "debit", "2.00"), line(WALLET, "credit", "1.00"))
        case "unknown":
            return entry(name, line(BANK, "debit"), line("nowhere:y", "credit"))
        case "short":
            return paid(name, f"wallet:user:{name}", "1.00")
        case "taken":
            return taken | {"description": "something else"}
        case "copy":
            return taken
    return entry(name)


def test_the_books_are_kept_after_all_of_it(shop: Shop) -> None:
    """Sequences without gaps, and balances that are the sums of their lines."""
    assert_kept(shop.superuser)


async def test_methods_and_paths_that_there_are_not(shop: Shop) -> None:
    """A slip in an address is told apart from a refusal."""
    assert (await shop.get("postings")).status_code == 405
    assert (await shop.send("nothing", {})).status_code == 404
    assert (await shop.get("accounts/wallet:user:a%0Ab/USD")).status_code == 404
    assert (await shop.get("entries/shop/%00")).status_code == 404
