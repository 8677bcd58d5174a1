"""What cannot be used of customers, plans, subscriptions and invoices is refused with a line each, before anything is connected to."""

import pytest

from tests.commands.test_bad_input import VISA, refused, run

USD = ("--currency", "USD")
ADD = ("customers", "add", "cus_1", *USD)
METHOD = ("methods", "add", "pm_1", "--customer", "cus_1", "--gateway", "stripe", "--token", "tok_1")
PLAN = ("plans", "add", "pro", "--name", "Pro", "--amount", "19.00", *USD, "--every", "month")
START = ("subscriptions", "start", "sub_1", "--customer", "cus_1", "--plan", "pro")
DRAFT = ("invoices", "draft", "in_1", "--customer", "cus_1", *USD, "--line", "19.00 revenue:x Pro")
PAY = ("invoices", "pay", "--customer", "cus_1", "--amount", "5", *USD, "--bank", "main", "--reference", "R1")
BECAUSE = ("--because", "they asked")
IDS = "may have only letters, digits and _ . - and at most 64 of them"
CARD = "an argument looks like a card number: give the gateway's token instead"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("customers", "add", "Ada Lovelace", *USD), f"CUSTOMER_ID: {IDS}"),
        (("customers", "show", "a/b"), f"CUSTOMER_ID: {IDS}"),
        ((*ADD[:3], "--currency", "XYZ"), "--currency: unknown currency 'XYZ': give an ISO 4217 code such as USD"),
        (
            (*ADD[:3], "--currency", "CREDIT"),
            "--currency: unknown currency 'CREDIT': give an ISO 4217 code such as USD",
        ),
        (
            (*ADD, "--time-zone", "Mars"),
            "--time-zone: there is no time zone 'Mars': give a name such as Europe/Berlin or UTC",
        ),
        ((*ADD, "--locale", "english"), "--locale: must be a language, such as en or de-AT"),
        ((*ADD, "--type", "robot"), "--type: must be 'person' or 'company'"),
        ((*ADD, "--country", "germany"), "--country: must be a country's two capital letters, such as DE"),
        ((*ADD, "--email", "nobody"), "--email: must be an e-mail address, such as ada@example.com"),
        ((*ADD, "--name", "a\nb"), "--name: must be one line of at most 200 characters"),
        ((*ADD, "--by", "Ada L."), "--by: must be letters, digits and _ . - and at most 64 of them, such as alice"),
        ((*METHOD[:6], "nowhere", *METHOD[7:]), "--gateway: there is no gateway 'nowhere': use stripe or paypal"),
        ((*METHOD, "--expires", "03/28"), "--expires '03/28' is no month: write it like 2028-03"),
        ((*METHOD, "--expires", "2028-13"), "--expires '2028-13' is no month: write it like 2028-03"),
        ((*METHOD, "--funding", "gold"), "--funding: must be credit, debit or prepaid"),
        ((*METHOD, "--brand", "Visa"), "--brand: must be a name in small letters, such as visa"),
        ((*METHOD, "--mandate", "a b"), "--mandate: must be printable, without blanks, at most 200 characters"),
        ((*PLAN[:-1], "fortnight"), "--every 'fortnight' is no interval: write it like month or '3 months'"),
        ((*PLAN[:-1], "99 years"), "--every: an interval may have at most 5 years"),
        ((*PLAN[:-1], "0 months"), "--every: must be greater than or equal to 1"),
        (
            (*PLAN, "--earns-to", "bank:main"),
            "--earns-to: must be an account of revenue, liability, tax, such as revenue:subscriptions",
        ),
        ((*PLAN, "--earns-to", "sales"), "--earns-to: must be the code of an account, such as expense:bad_debt"),
        ((*PLAN[:6], "0", *PLAN[7:]), "amount 0 USD must be greater than zero"),
        ((*START, "--starts", "31.01.2026"), "--starts '31.01.2026' is no date: write it like 2026-11-21"),
        ((*START, "--anchor", "2026-02-30"), "--anchor '2026-02-30' is no date: write it like 2026-11-21"),
        (("subscriptions", "start", "s" * 57, *START[3:]), "SUBSCRIPTION_ID: may have at most 56 characters"),
        (
            ("subscriptions", "list", "--state", "happy"),
            "--state: there is no state 'happy': use one of trialing, active, past_due, paused, canceled, unpaid",
        ),
        (("subscriptions", "cancel", "sub_1", "--because", " "), "--because: must say something, in one line"),
        (("invoices", "void", "in_1", "--because", "x" * 301), "--because: may have at most 300 characters"),
        (
            ("subscriptions", "pause", "sub_1", *BECAUSE, "--until", "2020-01-01"),
            "--until '2020-01-01' is over: give a time that is still to come",
        ),
        (
            (*DRAFT[:-1], "19.00"),
            "--line '19.00' cannot be read: write it like '19.00 revenue:consulting Two hours'",
        ),
        ((*DRAFT[:-1], "5 sales Pro"), "--line: must be the code of an account, such as expense:bad_debt"),
        ((*DRAFT[:-1], "x revenue:x Pro"), "amount 'x' is not a number: write it like 49.99"),
        ((*DRAFT[:-1], "5 bank:x Pro"), "--line: a line earns to an account of revenue, liability, tax, not to bank:x"),
        (
            (*DRAFT[:-1], "-5 revenue:x Pro"),
            "the lines sum to -5.00 USD: an invoice asks for nothing or more, within a charge's limit",
        ),
        ((*DRAFT, "--due", "7d"), "--due '7d' is no moment: write it like 2026-11-21 or 2026-11-21T08:00Z"),
        (
            ("invoices", "finalize", "in_1", "--series", "inv 1"),
            "--series: must be capital letters and digits, at most 12 of them, such as INV",
        ),
        (
            ("invoices", "list", "--state", "gone"),
            "--state: there is no state 'gone': use one of draft, open, paid, uncollectible, void",
        ),
        (PAY, "say --outside: what a charge of ours collects is recorded by itself, or with `invoices apply`"),
        ((*PAY[:-1], "Miete Mai", "--outside"), f"--reference: {IDS}"),
        ((*PAY, "--outside", "--invoice", "a b"), f"--invoice: {IDS}"),
        (
            (*PAY, "--outside", "--received-at", "yesterday"),
            "--received-at 'yesterday' is no moment: write it like 2026-11-21 or 2026-11-21T08:00Z",
        ),
        (
            ("invoices", "return", "p1", *BECAUSE),
            "PAYMENT_ID: write it as `invoices payments` lists it, such as outside/p1",
        ),
        (("invoices", "apply", "a:b"), f"CHARGE_ID: {IDS}"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: tuple[str, ...], line: str) -> None:
    """One line says what is wrong and what to write instead."""
    refused(run(*arguments), line)


@pytest.mark.parametrize(
    "arguments",
    [
        ("customers", "add", VISA, *USD),
        (*ADD, "--name", f"Ada {VISA}"),
        (*METHOD[:-1], VISA),
        (*METHOD, "--fingerprint", VISA),
        (*METHOD, "--mandate", "4242-4242-4242-4242"),
        ("plans", "add", "pro", "--name", VISA, *PLAN[5:]),
        ("subscriptions", "cancel", "sub_1", "--because", f"card {VISA}"),
        (*DRAFT[:-1], f"5 revenue:x card {VISA}"),
        (*PAY[:-1], VISA, "--outside"),
    ],
)
def test_no_card_number_gets_in(arguments: tuple[str, ...]) -> None:
    """It is refused at every entrance, and never shown."""
    result = run(*arguments)
    refused(result, CARD)
    assert VISA not in result.stdout + result.stderr
