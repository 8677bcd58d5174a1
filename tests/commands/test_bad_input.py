"""What cannot be used is refused with one clear line for each fault, before anything is connected to."""

import pytest
from typer.testing import CliRunner, Result

from ledger.charges import ChargeStatus
from starter import app

NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "GATEWAY_ORDER": "stripe,paypal",
}
"""Where nothing listens: a command that tried to connect would leave with exit code 3 and not 2."""
VISA = "4242424242424242"
CHARGE = {
    "--amount": "49.99",
    "--currency": "USD",
    "--customer": "cus_1",
    "--payment-method": "stripe=pm_card_visa",
}


def run(*arguments: str, **environment: str) -> Result:
    """Run a command in this process."""
    return CliRunner(env={**NOWHERE, **environment}).invoke(app, list(arguments))


def charge(*more: str, **changes: str) -> Result:
    """Charge, with options changed by their names."""
    options = CHARGE | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return run("charge", *(part for option in options.items() for part in option), *more)


def refused(result: Result, *lines: str) -> None:
    """Hold an answer to exactly these lines, wrong use, and nothing on stdout."""
    assert result.stderr.splitlines() == [f"error: {line}" for line in lines]
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("amount", "line"),
    [
        ("0", "amount 0 USD must be greater than zero"),
        ("-5", "amount -5 USD must be greater than zero"),
        ("0.00", "amount 0.00 USD must be greater than zero"),
        ("1.234", "amount 1.234 USD is too precise: USD has 2 decimal places"),
        ("0.001", "amount 0.001 USD is too precise: USD has 2 decimal places"),
        ("10000000000", "amount 10000000000 USD is too large: 9,999,999,999.99 USD is the most"),
        ("1" + "0" * 20, f"amount 1{'0' * 20} USD is too large: 9,999,999,999.99 USD is the most"),
        *((text, f"amount {text!r} is not a number: write it like 49.99") for text in ("", "x", "1,5", "1_0", "NaN")),
        *((text, f"amount {text!r} is not a number: write it like 49.99") for text in ("inf", "$5", "\uff15", "1 000")),
    ],
)
def test_an_amount_that_cannot_be_charged_is_refused(amount: str, line: str) -> None:
    """Nobody is charged an amount that nobody meant."""
    refused(charge(amount=amount), line)


@pytest.mark.parametrize(
    ("currency", "line"),
    [
        ("XYZ", "unknown currency 'XYZ': give an ISO 4217 code such as USD"),
        ("dollar", "unknown currency 'DOLLAR': give an ISO 4217 code such as USD"),
        ("", "unknown currency '': give an ISO 4217 code such as USD"),
        ("XAU", "XAU has no minor unit, so it cannot be charged"),
    ],
)
def test_an_unknown_currency_is_refused(currency: str, line: str) -> None:
    """An amount without a currency that exists means nothing."""
    refused(charge(currency=currency), line)


def test_a_currency_that_no_gateway_of_the_customer_takes_is_refused() -> None:
    """What no gateway can do is not started, and the line says why each cannot."""
    result = charge(currency="KWD", amount="5", payment_method="paypal=wallet_ok")
    refused(
        result,
        "no gateway can take 5.000 KWD: stripe has no payment method of the customer; paypal cannot take KWD: "
        "use another currency or amount, or a payment method of another gateway",
    )


def test_a_precision_that_the_gateway_cannot_write_is_refused() -> None:
    """Stripe takes dinars with two decimals of three: the third is never silently dropped."""
    result = charge(currency="KWD", amount="5.001")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "stripe takes KWD with at most 2 decimal places, not 5.001 KWD" in result.stderr


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"payment_method": "adyen=x"}, "--payment-method: there is no gateway 'adyen': use stripe or paypal"),
        ({"payment_method": "pm_x"}, "--payment-method 'pm_x' cannot be read: write it like stripe=pm_card_visa"),
        ({"payment_method": "stripe="}, "--payment-method 'stripe=' cannot be read: write it like stripe=pm_card_visa"),
        ({"payment_method": "stripe=" + "x" * 201}, "--payment-method: may have at most 200 characters"),
        ({"gateway": "adyen"}, "--gateway: there is no gateway 'adyen': use stripe or paypal"),
        ({"gateway": "paypal"}, "there is no payment method for the preferred gateway paypal"),
        ({"capture": "later"}, "--capture: must be 'automatic' or 'manual'"),
        ({"at_expiry": "wait"}, "--at-expiry: must be 'void' or 'capture'"),
        ({"metadata": "order"}, "--metadata 'order' cannot be read: write it like order=4711"),
        ({"metadata": "k" * 41 + "=v"}, "--metadata: may have at most 40 characters"),
    ],
)
def test_a_choice_that_there_is_not_is_refused(changes: dict[str, str], line: str) -> None:
    """The line names the option and what may stand there."""
    refused(charge(**changes), line)


@pytest.mark.parametrize("identifier", ["", "a b", "a/b", "ü", "x" * 65, "alice@example.com"])
@pytest.mark.parametrize("option", ["id", "customer", "invoice"])
def test_an_id_with_other_characters_is_refused(option: str, identifier: str) -> None:
    """Ids go into workflow ids, addresses and logs, so they can hold no names, addresses or separators."""
    if option == "id" and not identifier:
        return  # As not given: a new one is made.
    line = f"--{option}: may have only letters, digits and _ . - and at most 64 of them"
    refused(charge(**{option: identifier}), line)


ABSENT = "--customer-not-present"
SEVERAL = "--mandate: give it once, for one payment method; of several, each with its own: stripe=pm_1,mandate=REF"
PRESENT = "a mandate is for a charge without the customer: say so, or leave the mandate out"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--mandate", "mandate_1"), PRESENT),
        (("--mandate", "mandate_1", ABSENT, "--payment-method", "paypal=w"), SEVERAL),
        (
            (ABSENT, "--mandate", "a b"),
            "--mandate: must be a gateway's reference: at most 200 printable characters without spaces",
        ),
        ((ABSENT, "--mandate", VISA), "an argument looks like a card number: give the gateway's token instead"),
    ],
)
def test_a_mandate_that_cannot_be_meant_is_refused(more: tuple[str, ...], line: str) -> None:
    """Which agreement a payment is taken under must not be a matter of chance."""
    refused(charge(*more), line)


def test_a_mandate_given_twice_is_refused() -> None:
    """With the method and by itself: one of the two would be dropped."""
    refused(charge(ABSENT, "--mandate", "m_1", payment_method="stripe=pm_1,mandate=m_2"), SEVERAL)


def test_a_method_given_twice_is_refused() -> None:
    """Which of two tokens would be charged must not be a matter of chance."""
    refused(charge("--payment-method", "stripe=pm_other"), "give at most one payment method for each gateway")


def test_a_metadata_key_given_twice_is_refused() -> None:
    """No value is silently dropped."""
    refused(charge("--metadata", "a=1", "--metadata", "a=2"), "--metadata: a key is given twice: give each key once")


def test_all_faults_are_listed_at_once() -> None:
    """Whoever made three mistakes corrects them in one go."""
    result = charge(amount="x", payment_method="adyen=x", customer="a b", capture="later")
    refused(
        result,
        "amount 'x' is not a number: write it like 49.99",
        "--payment-method: there is no gateway 'adyen': use stripe or paypal",
        "--customer: may have only letters, digits and _ . - and at most 64 of them",
        "--capture: must be 'automatic' or 'manual'",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        *(("charge", *(p for o in (CHARGE | {name: VISA}).items() for p in o)) for name in CHARGE),
        *(
            ("charge", *(p for o in CHARGE.items() for p in o), name, VISA)
            for name in ("--id", "--invoice", "--gateway")
        ),
        ("charge", *(p for o in CHARGE.items() for p in o), "--metadata", f"card={VISA}"),
        ("charge", *(p for o in CHARGE.items() for p in o), "--metadata", f"{VISA}=card"),
        ("charge", *(p for o in (CHARGE | {"--payment-method": f"stripe={VISA}"}).items() for p in o)),
        ("charge", *(p for o in (CHARGE | {"--payment-method": "stripe=pm 4242-4242-4242-4242"}).items() for p in o)),
        ("charge", *(p for o in (CHARGE | {"--customer": "4242"}).items() for p in o), "4242", "4242", "4242", "4242"),
        ("capture", VISA),
        ("capture", "ch_1", "--amount", VISA),
        ("void", VISA),
        ("refund", VISA),
        ("refund", "ch_1", "--reason", f"charged {VISA} twice"),
        ("refund", "ch_1", "--id", VISA),
        ("status", f"ch_{VISA}"),
        ("charges", "--customer", VISA),
        ("review", "show", VISA),
        ("review", "resolve", "ch_1", "--as", "failed", "--by", "alice", "--because", f"charged {VISA} twice"),
        ("ledger", "entry", VISA),
        ("ledger", "statement", f"receivable:{VISA}"),
        (VISA,),
        (f"--{VISA}",),
    ],
)
def test_a_card_number_is_refused_wherever_it_stands_and_never_shown(arguments: tuple[str, ...]) -> None:
    """Card data does not come into this system, not even into its output."""
    result = run(*arguments)
    refused(result, "an argument looks like a card number: give the gateway's token instead")


@pytest.mark.parametrize("command", ["capture", "void", "refund", "status", "review show"])
def test_an_id_that_cannot_be_one_is_refused(command: str) -> None:
    """The line says what an id looks like."""
    refused(run(*command.split(), "a b"), "CHARGE_ID: may have only letters, digits and _ . - and at most 64 of them")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("charges", "--status", "done"),
            f"--status: there is no status 'done': use one of {', '.join(ChargeStatus)}",
        ),
        (
            ("charges", "--since", "yesterday"),
            "--since 'yesterday' is no point in time: write it like 7d, 2026-11-21 or 2026-11-21T08:00Z",
        ),
        (
            ("charges", "--since", "999999w"),
            "--since '999999w' is no point in time: write it like 7d, 2026-11-21 or 2026-11-21T08:00Z",
        ),
        (
            ("ledger", "trial-balance", "--currency", "XYZ"),
            "--currency: unknown currency 'XYZ': give an ISO 4217 code such as USD",
        ),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(arguments: tuple[str, ...], line: str) -> None:
    """A list is never silently of something else than was asked for."""
    refused(run(*arguments), line)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("chrge",), "No such command 'chrge'. Did you mean 'charge', 'charges'? (see `starter.py --help`)"),
        (("charge", "--amount", "5"), "Missing option '--currency' (see `starter.py charge --help`)"),
        (("status",), "Missing argument 'CHARGE_ID' (see `starter.py status --help`)"),
        (("status", "a", "b"), "Got unexpected extra argument(s) (b) (see `starter.py status --help`)"),
        (("charges", "--limit", "0"), None),
        (("charges", "--limit", "x"), None),
        (("charge", "--nonsense"), None),
        (("ledger",), "Missing command (see `starter.py ledger --help`)"),
    ],
)
def test_wrong_use_of_a_command_is_one_line_that_leads_to_help(arguments: tuple[str, ...], line: str | None) -> None:
    """A script's log gets a line, not a box."""
    result = CliRunner(env=NOWHERE).invoke(app, list(arguments), prog_name="starter.py")
    if line is not None:
        refused(result, line)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.endswith("--help`)\n")


def test_faults_of_the_settings_are_all_listed() -> None:
    """An operator corrects the environment in one go, and sees no secret in the output."""
    result = run(
        "charges",
        DATABASE_URL="mysql://root:secret@localhost/x",
        TEMPORAL_ADDRESS="nowhere",
        PAYPAL_API_BASE="https://api-m.paypal.com",
        GATEWAY_ORDER="adyen",
    )
    assert (result.exit_code, result.stdout) == (2, "")
    for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "GATEWAY_ORDER"):
        assert sum(name in line for line in result.stderr.splitlines()) == 1, name
    assert "secret@" not in result.stderr


RESOLVE = {"--as": "failed", "--because": "seen in the dashboard", "--by": "alice"}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"--as": "maybe"}, ["--as: must be 'succeeded' or 'failed'"]),
        ({"--as": "settled_by_gateway"}, ["--as: must be 'succeeded' or 'failed'"]),
        ({"--because": ""}, ["--because: must say why, for whoever reads the books later"]),
        ({"--because": " "}, ["--because: must say why, for whoever reads the books later"]),
        ({"--because": "x" * 501}, ["--because: may have at most 500 characters"]),
        ({"--by": "a b"}, ["--by: may have only letters, digits and _ . - and at most 64 of them"]),
        ({"--refund": "a b"}, ["--refund: may have only letters, digits and _ . - and at most 64 of them"]),
        (
            {"--as": "", "--because": "", "--by": ""},
            [
                "--as: must be 'succeeded' or 'failed'",
                "--because: must say why, for whoever reads the books later",
                "--by: may have only letters, digits and _ . - and at most 64 of them",
            ],
        ),
    ],
)
def test_a_resolution_that_says_nothing_is_refused(changes: dict[str, str], lines: list[str]) -> None:
    """A person's word on money says what, why and whose it is, or it is not taken."""
    options = RESOLVE | changes
    refused(run("review", "resolve", "ch_1", *(part for option in options.items() for part in option)), *lines)


@pytest.mark.parametrize("missing", RESOLVE)
def test_a_resolution_that_leaves_something_out_is_refused(missing: str) -> None:
    """There is no default for what became of somebody's money."""
    options = {name: value for name, value in RESOLVE.items() if name != missing}
    arguments = ["review", "resolve", "ch_1", *(part for option in options.items() for part in option)]
    result = CliRunner(env=NOWHERE).invoke(app, arguments, prog_name="starter.py")
    refused(result, f"Missing option '{missing}' (see `starter.py review resolve --help`)")
