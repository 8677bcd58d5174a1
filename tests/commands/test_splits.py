"""Splits from the command line: all or nothing, told in a line, and repeated without harm."""

import pytest

from tests.commands.conftest import Answer, CommandLine

pytestmark = pytest.mark.system

GOOD = ("--leg", "60.00:stripe=pm_card_visa", "--leg", "40.00:paypal=wallet_ok")


def start(cli: CommandLine, split_id: str, *options: str) -> Answer:
    return cli("split", "start", *options, "--currency", "USD", "--customer", "cus_1", "--id", split_id)


def test_a_split_is_taken_once_shown_and_given_back_the_last_leg_first(cli: CommandLine) -> None:
    """What the customer paid over two methods goes back to them in reverse, as far as is asked for."""
    answer = start(cli, "both", *GOOD)
    assert (answer.exit_code, answer.stdout) == (0, "split both is captured: 100.00 USD in 2 legs\n")
    again = start(cli, "both", *GOOD, "--json").document
    assert (again["status"], again["captured_minor"], again["because"]) == ("captured", 10_000, None)
    assert [(leg["charge_id"], leg["status"]) for leg in again["legs"]] == [
        ("both.1", "captured"),
        ("both.2", "captured"),
    ]
    other = start(cli, "both", "--leg", "50:stripe=pm_card_visa", "--leg", "50:paypal=wallet_ok")
    line = "error: split both exists with other content: use another id for another split"
    assert (other.exit_code, other.lines) == (1, [line])
    part = cli("split", "refund", "both", "--amount", "50", "--id", "re_both", "--json")
    assert part.exit_code == 0
    assert [(refund["refund_id"], refund["amount_minor"]) for refund in part.document["refunds"]] == [
        ("re_both.2", 4000),
        ("re_both.1", 1000),
    ]
    assert cli("split", "refund", "both", "--amount", "50", "--id", "re_both", "--json").document == part.document
    too_much = cli("split", "refund", "both", "--amount", "50.01", "--id", "re_more")
    line = "error: that is more than the 50.00 USD that is left to refund of split both"
    assert (too_much.exit_code, too_much.lines) == (1, [line])
    shown = cli("split", "status", "both").stdout
    assert "split both: captured, 100.00 USD" in shown
    assert "captured        100.00 USD, refunded 50.00 USD" in shown


def test_a_split_of_which_a_leg_is_declined_takes_nothing(cli: CommandLine) -> None:
    """The answer is no, in a line that says which leg it was; the first leg is free again."""
    answer = start(cli, "half", GOOD[0], GOOD[1], "--leg", "40:paypal=wallet_locked")
    assert answer.exit_code == 1
    [line] = answer.lines
    assert line.startswith("error: split half is undone: 100.00 USD in 2 legs: leg 2 (half.2) is declined: ")
    assert cli("status", "half.1", "--json").document["status"] == "voided"
    refused = cli("split", "refund", "half")
    line = "error: split half is undone, so there is nothing to refund"
    assert (refused.exit_code, refused.lines) == (1, [line])
    again = cli("split", "cancel", "half")
    line = "error: split half is undone already: nothing is left to cancel"
    assert (again.exit_code, again.lines) == (1, [line])


def test_a_split_that_was_taken_is_called_off(cli: CommandLine) -> None:
    """Both methods get back what was taken from them."""
    start(cli, "off", *GOOD)
    answer = cli("split", "cancel", "off", "--json")
    assert (answer.exit_code, answer.document["status"]) == (0, "undone")
    assert (answer.document["captured_minor"], answer.document["refunded_minor"]) == (10_000, 10_000)
    assert answer.document["because"].startswith("it was canceled by person:")


def test_a_split_can_be_started_without_waiting(cli: CommandLine) -> None:
    """The id and the address are told at once; starting it again changes nothing, under other content it is refused."""
    first = start(cli, "later", *GOOD, "--detach", "--json")
    assert first.exit_code == 0
    assert first.document["web_ui"].endswith("split%2Flater")
    assert start(cli, "later", *GOOD, "--detach", "--json").document == first.document
    assert start(cli, "later", *GOOD).exit_code == 0


@pytest.mark.parametrize(
    ("legs", "lines"),
    [
        (("60:stripe=pm_1",), ["--leg: is needed at least 2 times"]),
        (("60:stripe=pm_1", "x"), ["--leg 'x' cannot be read: write it like 60.00:stripe=pm_card_visa"]),
        (
            ("0:stripe=pm_1", "1.001:paypal=w_1", "5:adyen=a"),
            [
                "--leg '0:stripe=pm_1': amount 0 USD must be greater than zero",
                "--leg '1.001:paypal=w_1': amount 1.001 USD is too precise: USD has 2 decimal places",
                "--leg '5:adyen=a': there is no gateway 'adyen': use stripe or paypal",
            ],
        ),
        (
            ("60:stripe=pm_1 stripe=pm_2", "1:paypal=w_1"),
            [
                "--leg '60:stripe=pm_1 stripe=pm_2': give at most one payment method for each gateway in a leg",
            ],
        ),
        (
            ("60:stripe=pm_1,mandate=m_1", "1:paypal=w_1"),
            [
                "--leg '60:stripe=pm_1,mandate=m_1': a split has its customer present: leave the mandate out",
            ],
        ),
        (("1:stripe=pm_1",) * 11, ["--leg: may have at most 10 items"]),
    ],
)
def test_legs_that_cannot_be_read_are_refused(cli: CommandLine, legs: tuple[str, ...], lines: list[str]) -> None:
    """Every fault has its line, and nothing is started."""
    answer = start(cli, "unread", *(part for leg in legs for part in ("--leg", leg)))
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.lines == [f"error: {line}" for line in lines]
    line = "error: there is no split unread: check the id"
    assert cli("split", "status", "unread").lines == [line]


def test_an_id_has_room_for_the_numbers_of_its_legs(cli: CommandLine) -> None:
    """A leg's id is made of the split's, and is as short as that of any charge."""
    line = "error: --id: may have only letters, digits and _ . - and at most 61 of them"
    answer = start(cli, "x" * 62, *GOOD)
    assert (answer.exit_code, answer.lines) == (2, [line])
    answer = cli("split", "refund", "both", "--id", "x" * 62)
    assert (answer.exit_code, answer.lines) == (2, [line])
