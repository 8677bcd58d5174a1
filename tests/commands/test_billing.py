"""Customers, plans, subscriptions and invoices on the command line: each step once, and the answer to what does not follow."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ledger.database import create_engine
from starter import app
from tests.billing.books import Books
from tests.conftest import Database

USD = ("--currency", "USD")
ALICE = ("--by", "alice")
BECAUSE = ("--because", "they asked", *ALICE)


class Billing:
    """The commands against one database."""

    def __init__(self, url: str, **environment: str) -> None:
        self.environment = {"DATABASE_URL": url, "ALLOW_UNSAFE_DATABASE": "true", **environment}

    def __call__(self, *arguments: str) -> Result:
        return CliRunner(env=self.environment).invoke(app, list(arguments))

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
        assert (result.exit_code, result.stdout) == (exit_code, "")
        [line] = result.stderr.splitlines()
        return line.removeprefix("error: ")

    def issue(self, invoice_id: str, amount: str = "10.00") -> Any:
        line = f"{amount} revenue:subscriptions Pro"
        self.said("invoices", "draft", invoice_id, "--customer", "cus_1", *USD, "--line", line, *ALICE)
        return self.document("invoices", "finalize", invoice_id, *ALICE)

    def pay(self, amount: str, reference: str, *more: str) -> Any:
        return self.document("invoices", "pay", *paying(amount, reference), *more)


def paying(amount: str, reference: str) -> tuple[str, ...]:
    given = ("--outside", "--customer", "cus_1", "--amount", amount, *USD)
    return (*given, "--bank", "main", "--reference", reference, *ALICE)


@pytest.fixture
def billing(database: Database) -> Billing:
    """The commands against books of their own, with a customer and a plan."""
    billing = Billing(database.app_url)
    billing.said("customers", "add", "cus_1", *USD, "--time-zone", "Europe/Berlin", *ALICE)
    billing.said("plans", "add", "pro", "--name", "Pro", "--amount", "19.00", *USD, "--every", "month", *ALICE)
    return billing


def test_a_customer_is_added_once_and_its_contact_forgotten(billing: Billing) -> None:
    """The same again is the same; what is erased is shown no more, and does not come back."""
    ada = ("customers", "add", "cus_2", *USD, "--name", "Ada", "--email", "ada@example.com", "--country", "AT")
    assert billing.said(*ada) == "customer cus_2 is added\n"
    assert billing.said(*ada) == "customer cus_2 was there before\n"
    shown = billing.document("customers", "show", "cus_2")
    assert (shown["name"], shown["email"], shown["country"], shown["owed_minor"]) == ("Ada", "ada@example.com", "AT", 0)
    assert "Ada" not in billing.said("customers", "list")
    assert billing.said("customers", "erase-contact", "cus_2") == "the contact of customer cus_2 is erased\n"
    assert billing.said("customers", "erase-contact", "cus_2") == "the contact of customer cus_2 was erased before\n"
    assert billing.document("customers", "show", "cus_2")["email"] is None
    assert billing.refused(1, *ada).startswith("customer cus_2: its contact was erased, and stays so")
    assert "exists with other content" in billing.refused(1, "customers", "add", "cus_1", "--currency", "EUR")
    unknown = "there is no customer cus_9: check the id with `customers list`"
    for command in (("show", "cus_9"), ("erase-contact", "cus_9")):
        assert billing.refused(2, "customers", *command) == unknown


def test_methods_are_listed_in_their_order_without_tokens(billing: Billing) -> None:
    """The preferred one first; what was removed only where asked for; no token on any screen."""
    for name in ("pm_1", "pm_2"):
        card = ("--token", f"secret_{name}", "--brand", "visa", "--expires", "2028-02")
        billing.said("methods", "add", name, "--customer", "cus_1", "--gateway", "stripe", *card, *ALICE)
    assert billing.said("methods", "prefer", "pm_2") == "payment method pm_2 of customer cus_1 is tried first\n"
    assert billing.said("methods", "remove", "pm_1", *ALICE) == "payment method pm_1 of customer cus_1 is removed\n"
    assert billing.refused(1, "methods", "prefer", "pm_1").endswith("it was removed or replaced: add it again")
    [only] = billing.document("methods", "list", "--customer", "cus_1")["methods"]
    assert (only["method_id"], only["expires_on"], only["is_usable"]) == ("pm_2", "2028-02-29", True)
    every = billing.said("methods", "list", "--customer", "cus_1", "--all")
    assert "removed" in every
    assert "secret" not in every
    assert billing.refused(2, "methods", "list", "--customer", "cus_9").startswith("there is no customer cus_9")


def test_a_plan_has_versions(billing: Billing) -> None:
    """Other terms are another version, and only where that is said."""
    dearer = ("plans", "add", "pro", "--name", "Pro", "--amount", "29.00", *USD, "--every", "month")
    assert "it exists with other terms: add them as a new version" in billing.refused(1, *dearer)
    assert billing.said(*dearer, "--new-version") == "plan pro version 2, 29.00 USD every 1 month, is added\n"
    assert [plan["version"] for plan in billing.document("plans", "show", "pro")["plans"]] == [2, 1]
    [last] = billing.document("plans", "list")["plans"]
    assert (last["version"], last["amount_minor"], last["interval_unit"]) == (2, 2900, "month")
    assert billing.refused(2, "plans", "show", "gold") == "there is no plan gold: check the id with `plans list`"


def test_a_subscription_goes_through_its_life(billing: Billing) -> None:
    """Each change is attributed and told of; what does not follow is refused with a line, and changes nothing."""
    start = ("subscriptions", "start", "sub_1", "--customer", "cus_1", "--plan", "pro", *ALICE)
    begun = billing.document(*start)
    assert (begun["state"], begun["time_zone"], begun["period_serial"]) == ("active", "Europe/Berlin", 0)
    assert billing.document(*start) == begun
    assert billing.refused(1, *start, "--trial-days", "3").startswith("subscription sub_1 exists with other content")
    billing.said("plans", "add", "year", "--name", "Pro", "--amount", "190", *USD, "--every", "year")
    ending = billing.said("subscriptions", "change-plan", "sub_1", "year", *BECAUSE)
    assert ending.endswith(f"and plan year follows on {begun['period_ends']}\n")
    assert billing.document("subscriptions", "cancel", "sub_1", "--at-period-end", *BECAUSE)["cancel_at_period_end"]
    assert not billing.document("subscriptions", "resume", "sub_1", *BECAUSE)["cancel_at_period_end"]
    paused = billing.document("subscriptions", "pause", "sub_1", "--until", "30d", *BECAUSE)
    assert (paused["state"], paused["paused_until"] is not None) == ("paused", True)
    assert billing.document("subscriptions", "resume", "sub_1", *BECAUSE)["state"] == "active"
    assert "there is nothing to resume" in billing.refused(1, "subscriptions", "resume", "sub_1", *BECAUSE)
    assert billing.document("subscriptions", "cancel", "sub_1", *BECAUSE)["state"] == "canceled"
    assert "it is canceled" in billing.refused(1, "subscriptions", "pause", "sub_1", *BECAUSE)
    changes = billing.document("subscriptions", "show", "sub_1")["changes"]
    assert [change["changed_by"] for change in changes] == ["person:alice"] * 7
    shown = billing.said("subscriptions", "show", "sub_1")
    assert "by person:alice: they asked" in shown
    assert len(billing.document("subscriptions", "list", "--state", "canceled")["subscriptions"]) == 1
    assert billing.said("subscriptions", "list", "--state", "unpaid") == "there is no such subscription\n"
    assert billing.refused(2, "subscriptions", "show", "sub_9").startswith("there is no subscription sub_9")


def test_an_invoice_goes_through_its_life(billing: Billing) -> None:
    """Drafted, issued, paid in part, written off, recovered; shown with all that was paid of it."""
    issued = billing.issue("in_1")
    assert (issued["number"], issued["state"], issued["due_minor"]) == ("INV-000001", "open", 1000)
    assert billing.document("invoices", "finalize", "in_1", *ALICE) == issued
    paid = billing.pay("4.00", "R1")
    assert (paid["applied_minor"], paid["free_minor"]) == (400, 0)
    assert billing.pay("4.00", "R1") == paid
    assert "exists with other content" in billing.refused(1, "invoices", "pay", *paying("5.00", "R1"))
    assert "4.00 USD of it is paid" in billing.refused(1, "invoices", "void", "in_1", *BECAUSE)
    assert billing.document("invoices", "write-off", "in_1", *BECAUSE)["state"] == "uncollectible"
    billing.pay("6.00", "R2", "--invoice", "in_1")
    shown = billing.document("invoices", "show", "in_1")
    assert (shown["state"], [each["amount_minor"] for each in shown["applications"]]) == ("paid", [400, 600])
    assert "written off, by person:alice: they asked" in billing.said("invoices", "show", "in_1")
    assert billing.said("invoices", "check") == "billing and the journal agree on what every customer owes\n"
    assert len(billing.document("invoices", "payments", "--customer", "cus_1")["payments"]) == 2
    assert billing.said("invoices", "return", f"{paid['payment_id']}", *BECAUSE) == (
        f"payment {paid['payment_id']} is returned\n"
    )
    assert billing.document("invoices", "show", "in_1")["due_minor"] == 400
    assert billing.refused(2, "invoices", "return", "outside/p9", *BECAUSE).startswith("there is no payment outside/p9")


def test_an_invoice_is_called_off(billing: Billing) -> None:
    """What is void takes no money: it is the customer's credit, which pays the next one."""
    billing.issue("in_1")
    assert billing.document("invoices", "void", "in_1", *BECAUSE)["state"] == "void"
    assert billing.pay("3.00", "R1", "--invoice", "in_1")["free_minor"] == 300
    assert billing.document("customers", "show", "cus_1")["credit_minor"] == 300
    assert billing.issue("in_2")["due_minor"] == 700
    assert [each["state"] for each in billing.document("invoices", "list")["invoices"]] == ["open", "void"]
    assert billing.said("invoices", "list", "--state", "paid") == "there is no such invoice\n"


def test_what_is_not_there_and_what_does_not_fit_is_said(billing: Billing) -> None:
    """With the exit code that says whether to correct it or to leave it."""
    assert billing.refused(2, "invoices", "show", "in_9").startswith("there is no invoice in_9")
    assert billing.refused(2, "invoices", "apply", "ch_9").startswith("there is no charge ch_9")
    line = ("--line", "1.00 tax:nowhere Tax")
    billing.said("invoices", "draft", "in_1", "--customer", "cus_1", *USD, *line)
    assert "tax:nowhere" in billing.refused(1, "invoices", "finalize", "in_1")
    other = ("invoices", "draft", "in_2", "--customer", "cus_1", "--currency", "EUR", "--line", "1.00 revenue:x Y")
    assert "it is in EUR, and customer cus_1 is billed in USD" in billing.refused(1, *other)
    assert billing.refused(2, "invoices", "payments", "--customer", "cus_9").startswith("there is no customer cus_9")


def test_a_charge_is_applied_as_often_as_anybody_likes(billing: Billing) -> None:
    """Until it is, the check names it and the command that helps; one that collected nothing is said to be such."""
    billing.issue("in_1")

    async def charge() -> None:
        engine = create_engine(billing.environment["DATABASE_URL"], 1)
        books = Books(engine)
        await books.charge("ch_1", 400, "in_1")
        await books.charge("ch_2", 400, "in_1", is_captured=False)
        await engine.dispose()

    asyncio.run(charge())
    found = billing("invoices", "check")
    assert found.exit_code == 1
    assert "run `invoices apply ch_1`" in found.stderr
    assert len(found.stderr.splitlines()) == 2
    for _ in range(2):
        assert billing.said("invoices", "apply", "ch_1") == "payment charge/ch_1 of 4.00 USD: 4.00 USD applied\n"
    assert billing.document("invoices", "check") == {"differences": []}
    nothing = "charge ch_2 has collected nothing yet: look with `status ch_2`"
    assert billing.refused(1, "invoices", "apply", "ch_2") == nothing


def test_a_pay_link(billing: Billing) -> None:
    """A link is printed for an open invoice, for as long as asked; there is none for another, or without a key."""
    billing.issue("in_1")
    address = billing.said("invoices", "link", "in_1", *ALICE).strip()
    assert address.startswith("http://127.0.0.1:12113/pay/")
    made = billing.document("invoices", "link", "in_1", "--valid-for", "12h", *ALICE)
    assert made["address"] != address
    assert (made["invoice_id"], made["issued_by"]) == ("in_1", "person:alice")
    assert "no life of a link" in billing.refused(2, "invoices", "link", "in_1", "--valid-for", "91d")
    assert "no life of a link" in billing.refused(2, "invoices", "link", "in_1", "--valid-for", "0d")
    assert "there is no invoice in_9" in billing.refused(2, "invoices", "link", "in_9", *ALICE)
    billing.pay("10.00", "R-1")
    assert "it is paid: a link is issued for an open one" in billing.refused(1, "invoices", "link", "in_1", *ALICE)
    billing.environment["PAY_LINK_KEY"] = ""
    assert "PAY_LINK_KEY is not set" in billing.refused(2, "invoices", "link", "in_1", *ALICE)
