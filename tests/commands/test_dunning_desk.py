"""The desk of dunning on the command line: what it says of invoices that are recovered, and of what it cannot show."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from billing.dunning import policy_file
from billing.dunning.decision import Purpose, Reason
from billing.dunning.history import EventKind
from ledger import operations
from ledger.answers import GatewayAnswer
from ledger.database import create_engine
from ledger.operations import NewOperation
from starter import app
from tests.billing.recovery import PROCESS, Recovery
from tests.conftest import Database

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
FAILED_AT = NOW - 2 * DAY
BECAUSE = ("--because", "they asked", "--by", "alice")


class Desk:
    """The commands against one database, and what happens there meanwhile."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, *arguments: str) -> Result:
        environment = {"DATABASE_URL": self._url, "ALLOW_UNSAFE_DATABASE": "true", "TEMPORAL_ADDRESS": "127.0.0.1:1"}
        return CliRunner(env=environment).invoke(app, ["dunning", *arguments])

    def said(self, *arguments: str) -> str:
        """What a command that must work prints."""
        result = self(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        return result.stdout

    def document(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments, "--json"))

    def refused(self, exit_code: int, *arguments: str) -> str:
        """The one line of a command that must not work."""
        result = self(*arguments)
        assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
        [line] = result.stderr.splitlines()
        return line.removeprefix("error: ")

    def happens(self, *steps: Callable[[Recovery], Awaitable[Any]]) -> None:
        """Let things happen in the books."""

        async def play() -> None:
            engine = create_engine(self._url, 2)
            recovery = Recovery(engine)
            for step in steps:
                await step(recovery)
            await engine.dispose()

        asyncio.run(play())


@pytest.fixture
def desk(database: Database) -> Desk:
    """A customer in Berlin with a card, and an invoice of 19 dollars that is not paid."""
    desk = Desk(database.app_url)
    desk.happens(
        lambda books: books.customer("cus_1", time_zone="Europe/Berlin"),
        lambda books: books.method(),
        lambda books: books.issue("in_1", 1900),
    )
    return desk


async def fail(books: Recovery) -> None:
    """The first collection fails for want of money."""
    await books.fail(at=FAILED_AT)


async def recovered(books: Recovery) -> None:
    """A person's try brings the money a day later."""
    await books.capture(await books.begun(purpose=Purpose.COMMAND, now=FAILED_AT + DAY))
    await books.end(reason=Reason.PAID, at=FAILED_AT + DAY)


async def sent(books: Recovery) -> None:
    """A try of the policy is written down to be sent."""
    request = await books.begun(now=FAILED_AT + DAY + HOUR)
    [method] = request.payment_methods
    content: dict[str, Any] = {"charge_id": request.charge_id, "kind": "capture", "number": 1, "gateway": "stripe"}
    content |= {"payment_method": method.token, "amount": request.amount, "purpose": "attempt:1", "actor": PROCESS}
    await books.step(lambda connection: operations.intend(connection, NewOperation.model_validate(content)))


def test_the_list_says_what_comes_next_and_when(desk: Desk) -> None:
    """An operator sees every unpaid invoice with its amount, its stage and the reason, without Temporal."""
    assert desk.said("list") == "nothing of that kind is recovered\n"
    desk.happens(fail)
    [one] = desk.document("list")["dunnings"]
    assert (one["invoice_id"], one["due_minor"], one["currency"], one["tries"]) == ("in_1", 1900, "USD", 1)
    assert (one["stage"], one["next"], one["access"]) == ("try", "try pm_1", "grace")
    assert (one["decline_class"], one["decline_code"], one["policy"]) == ("wait_for_funds", "51", "2026-11/standard")
    assert datetime.fromisoformat(one["next_at"]) >= FAILED_AT + DAY
    assert one["deadline"].startswith(f"{FAILED_AT + 30 * DAY:%Y-%m-%d}")
    table = desk.said("list")
    assert all(word in table for word in ("in_1", "19.00 USD", "wait_for_funds: 51", "grace", "try pm_1"))


def test_the_list_is_narrowed_by_stage_and_customer(desk: Desk) -> None:
    """A work list holds what its reader works at; what is over is listed apart."""
    desk.happens(fail)
    assert len(desk.document("list", "--stage", "try", "--customer", "cus_1")["dunnings"]) == 1
    assert desk.document("list", "--stage", "ask_customer")["dunnings"] == []
    assert desk.document("list", "--customer", "cus_2")["dunnings"] == []
    assert desk.document("list", "--ended")["dunnings"] == []
    desk.happens(lambda books: books.note(EventKind.PAUSED, FAILED_AT + HOUR, until=NOW + 5 * DAY), recovered)
    assert desk.document("list")["dunnings"] == []
    [ended] = desk.document("list", "--ended", "--stage", "over")["dunnings"]
    assert (ended["reason"], ended["recovered_by"], ended["due_minor"]) == ("paid", "retry", 0)


def test_what_happened_is_shown_with_who_and_why(desk: Desk) -> None:
    """Support answers a customer from one page: each try, each word of a person, and what is planned."""
    desk.happens(
        fail,
        lambda books: books.note(EventKind.PROMISED, FAILED_AT + HOUR, until=NOW + DAY, because="called us"),
    )
    sheet = desk.document("show", "in_1")
    [tried] = sheet["tried"]
    assert (tried["number"], tried["purpose"], tried["uses_rung"], tried["outcome"]) == (0, "first", False, "declined")
    assert (tried["network"], tried["gateway"], tried["network_code"]) == ("visa", "stripe", "51")
    [command] = sheet["commands"]
    assert (command["kind"], command["by"], command["because"]) == ("promised", "person:alice", "called us")
    assert sheet["stage"] == "wait"
    [card] = sheet["cards"]
    assert (card["methods"], card["left"], card["never_because"]) == (["pm_1"], 19, None)
    assert datetime.fromisoformat(card["next_rung_at"]) >= FAILED_AT + DAY
    assert all(datetime.fromisoformat(entry["at"]) >= NOW for entry in sheet["plan"])
    assert {entry["clock"] for entry in sheet["plan"]} == {"tries", "notices", "access", "end"}
    page = desk.said("show", "in_1")
    for words in ("by person:alice: called us", "try 0, first: 19.00 USD with pm_1 (visa at stripe)", "19 tries left"):
        assert words in page


def test_what_is_over_is_not_planned_on(desk: Desk) -> None:
    """Whoever looks after the end sees what brought the money, and that only that will be told."""
    desk.happens(fail, recovered)
    sheet = desk.document("show", "in_1")
    assert (sheet["reason"], sheet["recovered_by"]) == ("paid", "retry")
    assert [entry["what"] for entry in sheet["plan"]] == ["send recovered by email"]
    assert [payment["amount_minor"] for payment in sheet["payments"]] == [1900]
    assert "ended at" in desk.said("show", "in_1")


def test_a_card_that_was_refused_for_ever_is_shown_so(desk: Desk) -> None:
    """Nobody is led to think that it may be tried again."""
    stolen = GatewayAnswer(network="visa", network_code="43")
    desk.happens(
        lambda books: books.fail(at=FAILED_AT, code="stolen_card", answer=stolen, never_because="it is stolen")
    )
    sheet = desk.document("show", "in_1")
    [card] = sheet["cards"]
    assert (card["left"], card["next_at"], card["never_because"]) == (0, None, "it is stolen")
    assert sheet["stage"] == "ask_customer"
    assert "never again, it is stolen" in desk.said("show", "in_1")


def test_a_try_that_is_not_decided_is_planned_beyond(desk: Desk) -> None:
    """The plan supposes that it is answered as the one before, and does not end at the wait for it."""
    desk.happens(fail, lambda books: books.begun(now=NOW))
    sheet = desk.document("show", "in_1")
    assert [tried["outcome"] for tried in sheet["tried"]] == ["declined", "undecided"]
    assert (sheet["stage"], sheet["tried"][1]["uses_rung"]) == ("wait", True)
    assert any(entry["clock"] == "end" for entry in sheet["plan"])


def test_a_real_invoice_is_previewed_by_its_policy_and_by_another(desk: Desk, tmp_path: Path) -> None:
    """What a change of policy would do to a customer is seen before it is made."""
    desk.happens(fail)
    own = desk.document("preview", "--invoice", "in_1")
    assert (own["policy_version"], own["policy"], own["zone"]) == ("2026-11", "standard", "Europe/Berlin")
    assert own["decline"]["decline_class"] == "wait_for_funds"
    assert own["entries"] == desk.document("show", "in_1")["plan"]
    file = tmp_path / "policy.yaml"
    text = policy_file.DEFAULT.read_text().replace("2026-11\n", "2026-12\n").replace("cancel", "mark_unpaid")
    file.write_text(text)
    other = desk.document("preview", "--invoice", "in_1", "--policy", str(file))
    ends = [entry["what"] for shown in (own, other) for entry in shown["entries"] if entry["clock"] == "end"]
    assert ends == ["subscription cancel, invoice keep_open", "subscription mark_unpaid, invoice keep_open"]


def test_a_preview_is_of_one_thing(desk: Desk) -> None:
    """A supposed decline and a real invoice are not mixed, so that nobody takes one for the other."""
    assert "--invoice" in desk.refused(2, "preview")
    line = desk.refused(2, "preview", "--invoice", "in_1", "--decline", "51", "--customer-zone", "Asia/Tokyo")
    assert line == "--invoice is of an invoice that is there: leave --decline and --customer-zone out"
    assert desk.refused(2, "preview", "--invoice", "in_9").startswith("there is no invoice in_9")
    assert desk.refused(2, "preview", "--invoice", "in_1").endswith("or look at `dunning list`")


def test_an_open_invoice_is_begun_by_a_person_once(desk: Desk) -> None:
    """An invoice made by hand is recovered too, with who wanted it and why; what is paid is not."""
    begun = desk.document("start", "in_1", *BECAUSE)
    assert (begun["invoice_id"], begun["tries"], begun["decline_class"]) == ("in_1", 0, None)
    assert desk.document("start", "in_1", *BECAUSE)["failed_at"] == begun["failed_at"]
    assert desk.document("show", "in_1")["began_because"] == "they asked"
    assert "by person:alice: they asked" in desk.said("show", "in_1")
    desk.happens(lambda books: books.issue("in_2", 500), lambda books: books.pay(2400))
    assert "invoice in_2 is paid" in desk.refused(1, "start", "in_2", *BECAUSE)
    assert desk.refused(2, "start", "in_9", *BECAUSE).startswith("there is no invoice in_9")


def test_what_a_subscription_collects_is_not_begun_by_hand(desk: Desk) -> None:
    """Two processes never collect one invoice."""
    billed: list[str] = []

    async def bill(books: Recovery) -> None:
        await books.subscribe(f"{NOW:%Y-%m-%d}")
        billed.append(await books.bill())

    desk.happens(bill)
    line = desk.refused(1, "start", billed[0], *BECAUSE)
    assert "the process of subscription sub_1 collects it" in line


def test_the_report_counts_what_was_recovered(desk: Desk) -> None:
    """A cohort that is two days old is marked as one that can still change."""
    desk.happens(fail, recovered)
    report = desk.document("report")
    assert report["violations"] == []
    at_30, at_60 = report["rows"]
    assert (at_30["horizon_days"], at_60["horizon_days"], at_30["is_complete"]) == (30, 60, False)
    assert (at_30["invoices"], at_30["recovered"], at_30["share"], at_30["recovered_minor"]) == (1, 1, 1.0, 1900)
    assert (at_30["recovered_by"]["retry"], at_30["tries"], at_30["rungs"]) == (1, 1, 0)
    assert at_30["median_seconds"] == 86_400
    page = desk.said("report", "--by", "class", "--horizon", "30")
    assert "wait_for_funds" in page
    assert "* not complete" in page
    assert page.endswith("tries against a rule of the networks: 0\n")
    header, row = desk.said("report", "--csv", "--horizon", "60").splitlines()
    assert header.startswith("group,currency,horizon_days,is_complete,invoices,amount_minor,amount,")
    assert row.startswith("all,USD,60,false,1,1900,19.00,1,1900,19.00,1.0,1.0,retry=1")


def test_the_report_says_when_a_rule_was_broken(desk: Desk, database: Database) -> None:
    """Exit code 1, with the try and the rule: a script sees that the guard failed."""
    desk.happens(fail, sent)
    assert desk.document("report")["violations"] == []
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("UPDATE cards SET never_at = '2020-01-01', never_because = 'it is stolen'")
    result = desk("report")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("error: in_1.1:capture:1 of card card_")
    assert line.endswith("broke a rule: the card was refused for ever before")
    assert result.stdout.endswith("tries against a rule of the networks: 1\n")
    [found] = json.loads(desk("report", "--json").stdout)["violations"]
    assert found["operation_id"] == "in_1.1:capture:1"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("list", "--stage", "asleep"), "--stage: there is no stage 'asleep': use one of try, ask_customer, wait"),
        (("list", "--stage", "over"), "--stage over and --ended go together"),
        (("list", "--stage", "wait", "--ended"), "--stage over and --ended go together"),
        (("show", "in_9"), "there is no invoice in_9: check the id with `invoices list`"),
        (("show", "in_1"), "invoice in_1 is open, and nothing of it failed"),
        (("show", "in 1"), "INVOICE_ID: may have only letters"),
        (("report", "--by", "weather"), "--by: the report cannot be split by 'weather': use one of policy, class"),
        (("report", "--horizon", "45"), "--horizon: must be 30 or 60 days"),
        (("report", "--from", "2026-02-30"), "--from '2026-02-30' is no moment"),
        (("report", "--from", "2026-02-01T10:00"), "--from '2026-02-01T10:00' has no zone"),
        (("report", "--from", "2026-03-01", "--to", "2026-02-01"), "--from 2026-03-01 is after --to 2026-02-01"),
        (("report", "--json", "--csv"), "--json and --csv cannot be given together"),
        (("start", "in_1", "--because", " "), "--because:"),
        (("retry", "in_9", *BECAUSE), "there is no invoice in_9"),
        (("retry", "in_1", *BECAUSE), "invoice in_1 is open, and nothing of it failed"),
        (("retry", "in_1", "--because", "x", "--by", "a person"), "--by: must be letters, digits"),
        (("retry", "in_1", "--method", "pm 1", *BECAUSE), "--method: may have only letters"),
        (("pause", "in_1", "--until", "2020-01-01", *BECAUSE), "--until '2020-01-01' is over"),
        (("pause", "in_1", "--until", "2026-02-30", *BECAUSE), "--until '2026-02-30' is no point in time"),
        (("pause", "in_1", "--until", "2999-01-01T10:00 Mars/Olympus", *BECAUSE), "--until '2999-01-01T10:00 Mars"),
        (("pause", "in_1", *BECAUSE), "Missing option '--until'"),
        (("move", "in_1", *BECAUSE), "Missing argument 'POLICY'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_line(desk: Desk, arguments: tuple[str, ...], line: str) -> None:
    """Exit code 2, and nothing was started."""
    assert desk.refused(2, *arguments).startswith(line)


def test_a_process_that_is_over_takes_no_command(desk: Desk) -> None:
    """Refused from the books, whether Temporal still knows it or not."""
    desk.happens(fail, recovered)
    line = desk.refused(1, "retry", "in_1", *BECAUSE)
    assert line.endswith("(paid), and takes no command any more")
