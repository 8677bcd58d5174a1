"""Refunds from the command line: what is left, and not a cent more, once for each id."""

import pytest

from tests.commands.conftest import CommandLine

pytestmark = pytest.mark.system


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_part_and_then_the_rest_are_refunded(cli: CommandLine, gateway: str) -> None:
    """The customer gets back what was asked for, then what is left, and then nothing more."""
    charge_id = f"back_{gateway}"
    cli.charge(charge_id, gateway)
    part = cli("refund", charge_id, "--amount", "20", "--reason", "too big", "--id", f"re_{gateway}", "--json")
    assert (part.exit_code, part.stderr) == (0, "")
    refund = part.document
    assert (refund["refund_id"], refund["charge_id"], refund["status"]) == (f"re_{gateway}", charge_id, "succeeded")
    assert (refund["amount_minor"], refund["currency"]) == (2000, "USD")
    assert refund["operation_id"] == f"{charge_id}:refund:1"
    assert refund["gateway_reference"]
    assert refund["web_ui"].endswith(f"refund%2Fre_{gateway}")
    rest = cli("refund", charge_id, "--id", f"rest_{gateway}")
    assert rest.stdout == f"refund rest_{gateway} of 29.99 USD from charge {charge_id}: succeeded\n"
    more = cli("refund", charge_id, "--amount", "0.01")
    assert (more.exit_code, more.lines) == (1, [f"error: charge {charge_id} has nothing left to refund"])
    charge = cli("status", charge_id, "--json").document
    assert (charge["refunded_minor"], charge["refund_reserved_minor"], charge["status"]) == (4999, 0, "captured")
    refunds = [operation for operation in charge["operations"] if operation["kind"] == "refund"]
    assert [(o["amount_minor"], o["reason"], o["refund_id"]) for o in refunds] == [
        (2000, "too big", f"re_{gateway}"),
        (2999, None, f"rest_{gateway}"),
    ]
    assert all(operation["entry_reference"] == operation["operation_id"] for operation in refunds)


def test_more_than_is_left_is_refused_and_says_how_much_is_left(cli: CommandLine) -> None:
    """A person corrects the amount without looking it up; nothing is set aside for what was refused."""
    cli.charge("left")
    cli("refund", "left", "--amount", "30")
    answer = cli("refund", "left", "--amount", "20")
    left = "20.00 USD is more than the 19.99 USD that is left to refund of charge left"
    assert (answer.exit_code, answer.stdout, answer.lines) == (1, "", [f"error: {left}"])
    assert cli("status", "left", "--json").document["refund_reserved_minor"] == 0


def test_the_same_refund_again_is_the_same_refund(cli: CommandLine) -> None:
    """A script that repeats itself gives nothing back twice; another wish under the id is refused."""
    cli.charge("twice")
    first = cli("refund", "twice", "--amount", "20", "--id", "re_twice", "--json")
    again = cli("refund", "twice", "--amount", "20", "--id", "re_twice", "--json")
    assert (again.exit_code, again.document) == (0, first.document)
    cli.charge("twice_other")
    for other in (("twice", "--amount", "21"), ("twice_other", "--amount", "20")):
        refused = cli("refund", *other, "--id", "re_twice")
        line = "error: refund re_twice exists with other content: use another id for another refund"
        assert (refused.exit_code, refused.lines) == (1, [line])
    assert cli("status", "twice", "--json").document["refunded_minor"] == 2000


def test_refunds_that_race_never_exceed_the_capture(cli: CommandLine) -> None:
    """Two people who give back 30 of 49.99 at the same time: one of them is told what is left."""
    cli.charge("racing")
    racing = [cli.start("refund", "racing", "--amount", "30", "--id", f"race_{n}") for n in range(3)]
    answers = []
    for process in racing:
        with process:
            answers.append(cli.end(process))
    assert sorted(answer.exit_code for answer in answers) == [0, 1, 1]
    for answer in answers:
        assert answer.exit_code == 0 or "19.99 USD that is left to refund" in answer.stderr
    assert cli("status", "racing", "--json").document["refunded_minor"] == 3000


def test_an_authorization_is_released_and_not_refunded(cli: CommandLine) -> None:
    """The line says which command does what the person wants."""
    cli.charge("held", "stripe", "--capture", "manual")
    answer = cli("refund", "held")
    line = "error: charge held is authorized and not captured: release it with `void held`"
    assert (answer.exit_code, answer.lines) == (1, [line])


def test_a_declined_charge_has_nothing_to_refund(cli: CommandLine) -> None:
    """Nothing was taken, so nothing is given back."""
    cli.charge("no_money", "stripe", "--payment-method", "stripe=pm_card_visa_chargeDeclined")
    answer = cli("refund", "no_money")
    line = "error: charge no_money is declined: nothing was captured, so there is nothing to refund"
    assert (answer.exit_code, answer.lines) == (1, [line])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--amount", "0"), "amount 0 USD must be greater than zero"),
        (("--amount", "1.001"), "amount 1.001 USD is too precise: USD has 2 decimal places"),
        (("--amount", "x"), "amount 'x' is not a number: write it like 49.99"),
        (("--reason", "x" * 501), "--reason: may have at most 500 characters"),
        (("--id", "a b"), "--id: may have only letters, digits and _ . - and at most 64 of them"),
    ],
)
def test_a_refund_that_cannot_be_read_is_refused(cli: CommandLine, options: tuple[str, str], line: str) -> None:
    """Wrong use starts nothing."""
    cli.charge("unread")
    answer = cli("refund", "unread", *options)
    assert (answer.exit_code, answer.stdout, answer.lines) == (2, "", [f"error: {line}"])
    assert cli("status", "unread", "--json").document["refunded_minor"] == 0


def test_a_pending_refund_is_accepted(cli: CommandLine) -> None:
    """The gateway has it: the money is set aside, and the sentence says that it is not there yet."""
    cli.charge("waits", "paypal", "--payment-method", "paypal=wallet_refund_pending")
    answer = cli("refund", "waits", "--amount", "20", "--id", "re_waits")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("refund re_waits of 20.00 USD from charge waits: pending")
    assert cli("status", "waits", "--json").document["refund_reserved_minor"] == 2000
