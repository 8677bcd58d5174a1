"""The dunning commands without a server: what they say of policies, calendars and mistakes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from billing.dunning import policy_file
from starter import app

NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "TEMPORAL_ADDRESS": "127.0.0.1:1"}
AT = ("--at", "2026-11-26T09:00Z")


def run(*arguments: str) -> Result:
    return CliRunner(env=NOWHERE).invoke(app, ["dunning", *arguments])


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The shipped policy, to be changed."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy_file.DEFAULT.read_text())
    return path


def test_a_good_policy_is_described(policy: Path) -> None:
    """The operator sees which edition is in force before a process uses it."""
    result = run("policy", "check", str(policy))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"edition 2026-11, in force: standard\n{policy} is in order\n"
    editions = json.loads(run("policy", "check", str(policy), "--json").stdout)["editions"]
    assert [(one["version"], one["in_force"], one["policies"]) for one in editions] == [("2026-11", True, ["standard"])]


def test_a_policy_with_faults_is_refused_with_the_line_of_each(policy: Path) -> None:
    """The file can be mended in one go, and nothing is used of it."""
    text = policy.read_text().replace("most_tries: 8", "most_tries: many").replace("zone: UTC", "zone: Mars/Olympus")
    policy.write_text(text)
    for result in (run("policy", "check", str(policy)), run("preview", "--decline", "05", "--policy", str(policy))):
        assert (result.exit_code, result.stdout) == (2, "")
        assert [line.partition(": ")[2].rpartition("line ")[2] for line in result.stderr.splitlines()] == [
            "7: most_tries: must be a valid integer, unable to parse string as an integer",
            "9: zone: there is no time zone Mars/Olympus: use a name of the IANA list, such as Europe/Berlin",
        ]


def test_a_policy_that_is_not_in_force_yet_is_refused(policy: Path) -> None:
    """A process would find none."""
    policy.write_text(policy.read_text().replace("2026-11-01", "2999-01-01"))
    for result in (run("policy", "check", str(policy)), run("preview", "--decline", "05", "--policy", str(policy))):
        assert result.exit_code == 2
        assert "no edition of the dunning policy is in force at" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_policy_that_is_not_there_is_refused() -> None:
    """A mistyped path is not taken for the shipped policy."""
    result = run("preview", "--decline", "05", "--policy", "/nowhere/policy.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: /nowhere/policy.yaml cannot be read (No such file or directory)")


def test_a_calendar_is_shown_with_all_clocks_and_why() -> None:
    """Support can say what will happen to a customer, and why, before anything does."""
    result = run("preview", "--decline", "51", "--network", "visa", "--customer-zone", "Europe/Berlin", *AT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        "policy 2026-11/standard, times of Europe/Berlin\n"
        "class wait_for_funds: visa 51: category 2: no money, or a limit of amount or number reached\n"
    )
    for word in ("tries", "notices", "access", "end", "likely payday", "subscription cancel, invoice keep_open"):
        assert word in result.stdout


def test_the_document_says_the_same_in_fields() -> None:
    """A script reads moments in UTC, and the customer's day beside them."""
    result = run("preview", "--decline", "51", "--network", "visa", "--customer-zone", "Asia/Tokyo", *AT, "--json")
    shown = json.loads(result.stdout)
    assert (shown["policy"], shown["zone"]) == ("standard", "Asia/Tokyo")
    assert shown["decline"]["decline_class"] == "wait_for_funds"
    moments = [entry["at"] for entry in shown["entries"]]
    assert moments == sorted(moments)
    assert shown["entries"][0]["at"] == "2026-11-26T09:00:00Z"
    assert shown["entries"][0]["local"] == "Thu 2026-11-26 18:00"
    assert {entry["clock"] for entry in shown["entries"]} == {"tries", "notices", "access", "end"}


@pytest.mark.parametrize(
    ("arguments", "decline_class", "wait_hours"),
    [
        (("--decline", "insufficient_funds"), "wait_for_funds", 0),
        (("--decline", "41", "--network", "visa"), "never", 0),
        (("--decline", "51", "--network", "mastercard", "--advice", "30"), "wait_for_funds", 240),
        (
            ("--decline", "5120", "--gateway", "paypal", "--advice", "02", "--network", "mastercard"),
            "wait_for_funds",
            72,
        ),
        (("--decline", "generic_decline", "--advice", "do_not_try_again"), "never", 0),
        (("--decline", "65", "--network", "mastercard", "--card-country", "DE"), "needs_authentication", 0),
        (("--decline", "no_such_code"), "unknown", 0),
    ],
)
def test_a_code_is_taken_for_whose_it_is(arguments: tuple[str, ...], decline_class: str, wait_hours: int) -> None:
    """Codes of gateways and of networks, and advices of both, can be asked about alike; what nobody knows is said so."""
    shown = json.loads(run("preview", *arguments, *AT, "--json").stdout)["decline"]
    assert (shown["decline_class"], shown["wait_hours"]) == (decline_class, wait_hours)
    assert bool(shown["unknown"]) == (decline_class == "unknown")


def test_the_segment_decides_the_policy(policy: Path) -> None:
    """What is known of the customer is asked for by its own options."""
    text = policy.read_text()
    body = text.partition("policies:\n")[2]
    segment = (
        "name: vip\n        when: {plan: [pro], customer_type: [business], country: [DE], tenure: {from_days: 365}}"
    )
    policy.write_text(text + body)
    policy.write_text(text.replace(body, body.replace("name: standard", segment) + body))
    who = ("--plan", "pro", "--customer-type", "business", "--customer-country", "DE", "--customer-days", "400")
    result = run("preview", "--decline", "51", "--policy", str(policy), *AT, *who)
    assert result.stdout.startswith("policy 2026-11/vip, ")
    assert run("preview", "--decline", "51", "--policy", str(policy), *AT, *who[:-1], "1").stdout.startswith(
        "policy 2026-11/standard, "
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--customer-zone", "Europe/Berlim"),
            "--customer-zone: there is no time zone Europe/Berlim: use a name of the IANA",
        ),
        (("--customer-country", "germany"), "--customer-country: is not written as it has to be"),
        (("--card-country", "germany"), "--card-country: is not written as it has to be"),
        (("--network", "VISA"), "--network: is not written as it has to be"),
        (("--gateway", ""), "--gateway: is not written as it has to be"),
        (("--amount", "many"), "amount 'many' is not a number: write it like 49.99"),
        (("--at", "someday"), "--at 'someday' is no point in time"),
        (("--id", "a b"), "--id: is not written as it has to be"),
        (("--plan", "4242424242424242"), "an argument looks like a card number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(arguments: tuple[str, ...], line: str) -> None:
    """No traceback, and no calendar of something else."""
    result = run("preview", "--decline", "51", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {line}")
    assert len(result.stderr.splitlines()) == 1
