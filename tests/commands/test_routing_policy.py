"""The routing commands without a server: what they say of policies, choices and mistakes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from starter import app

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "routing-policy.yaml")
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "GATEWAY_ORDER": "stripe,paypal",
    "ROUTING_POLICY": "",
}
METHODS = ("--payment-method", "stripe=pm_x,brand=visa,country=NO", "--payment-method", "paypal=wallet_x")
MINIMAL = "editions:\n  - version: v1\n    effective_from: {begin}\n    fallback_order: [paypal, stripe]\n"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={**NOWHERE, **environment}).invoke(app, ["routing", *arguments])


def explain(*more: str, amount: str = "49.99", currency: str = "EUR", **environment: str) -> Result:
    return run("explain", "--amount", amount, "--currency", currency, *METHODS, *more, **environment)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy file in force, which reads no outcomes."""
    path = tmp_path / "policy.yaml"
    path.write_text(MINIMAL.format(begin="2026-01-01"))
    return path


def test_a_good_policy_is_described() -> None:
    """The operator sees which edition is in force before a worker does."""
    result = run("check", EXAMPLE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "edition 2026-11, in force: 5 rules over stripe, paypal" in result.stdout
    assert "edition 2026-01, no longer in force: 0 rules" in result.stdout
    editions = json.loads(run("check", EXAMPLE, "--json").stdout)["editions"]
    assert [(edition["version"], edition["in_force"]) for edition in editions] == [
        ("2026-01", False),
        ("2026-11", True),
    ]


def test_a_policy_with_faults_is_refused_with_the_line_of_each(policy: Path) -> None:
    """The file can be mended in one go, and nothing is used of it."""
    policy.write_text(policy.read_text() + "    color: red\n    window_seconds: soon\n")
    for result in (run("check", str(policy)), explain(ROUTING_POLICY=str(policy)), explain("--policy", str(policy))):
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.splitlines() == [
            f"error: {policy} line 5: color: there is no such field: correct its name or leave it out",
            f"error: {policy} line 6: window_seconds: must be a valid integer, unable to parse string as an integer",
        ]


def test_a_policy_that_is_not_in_force_yet_is_refused(policy: Path) -> None:
    """A worker would not start with it."""
    policy.write_text(MINIMAL.format(begin="2999-01-01"))
    for result in (run("check", str(policy)), explain("--policy", str(policy))):
        assert result.exit_code == 2
        assert "no edition of the routing policy is in force at" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_policy_that_is_not_there_is_refused() -> None:
    """A mistyped path is not taken for no policy."""
    result = explain(ROUTING_POLICY="/nowhere/policy.yaml")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: /nowhere/policy.yaml cannot be read (No such file or directory): name a policy file\n"
    )


def test_a_choice_is_explained(policy: Path) -> None:
    """Support can say why a charge goes where it goes, without a charge."""
    result = explain("--policy", str(policy))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("paypal: first in the fallback order (policy v1, fallback_order)\n")
    decision = json.loads(explain("--policy", str(policy), "--gateway", "stripe", "--json").stdout)
    assert (decision["gateway"], decision["strategy"], decision["policy_version"]) == ("stripe", "preferred", "v1")
    assert [one["gateway"] for one in decision["candidates"]] == ["stripe", "paypal"]


def test_the_edition_is_that_of_the_moment_asked_for() -> None:
    """What held last spring can be looked up."""
    for moment, version in (("2026-03-01", "2026-01"), ("2025-03-01", None)):
        result = explain("--policy", EXAMPLE, "--at", moment, "--json")
        if version is None:
            assert (result.exit_code, "begins at 2026-01-01 00:00 UTC" in result.stderr) == (2, True)
        else:
            assert json.loads(result.stdout)["policy_version"] == version


def test_without_a_policy_the_order_is_explained() -> None:
    """The system that everybody starts with can be asked too."""
    assert explain(GATEWAY_ORDER="paypal,stripe").stdout.startswith("paypal: first in the fallback order (policy gate")


def test_a_charge_that_no_gateway_can_take_is_an_answer() -> None:
    """A script can tell no from a mistake."""
    result = explain(currency="KWD", amount="1.005")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: no gateway can take 1.005 KWD: stripe takes KWD with at most 2 decimal")


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("stripe=pm_x,country=norway", "must be a country's two capital letters, such as DE"),
        ("stripe=pm_x,funding=gold", "must be credit, debit or prepaid"),
        ("stripe=pm_x,brand=VISA", "must be a name in small letters, such as visa"),
        ("stripe=pm_x,brand=visa,brand=amex", "a key is given twice: give each key once"),
        ("adyen=pm_x,brand=visa", "there is no gateway 'adyen': use stripe or paypal"),
    ],
)
def test_a_card_that_cannot_be_read_is_refused(method: str, line: str) -> None:
    """A rule on a card is never missed for a slip."""
    result = run("explain", "--amount", "5", "--currency", "USD", "--payment-method", method)
    assert (result.exit_code, result.stderr) == (2, f"error: --payment-method: {line}\n")


def test_a_token_keeps_its_commas() -> None:
    """Only what speaks of the card is taken off."""
    result = run("explain", "--amount", "5", "--currency", "USD", "--payment-method", "stripe=a,b,brand=visa")
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "--amount", "5", "--currency", "EUR", *METHODS, "--policy", EXAMPLE),
        ("replay", "--policy", EXAMPLE, "--since", "7d"),
    ],
)
def test_books_that_cannot_be_reached_are_said_to_be(arguments: tuple[str, ...]) -> None:
    """A choice that rests on our own outcomes is not made up without them."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: PostgreSQL at 127.0.0.1:1/nothing cannot be reached")


def test_a_replay_from_no_point_in_time_is_refused() -> None:
    """Nothing is read for a question that cannot be understood."""
    result = run("replay", "--policy", EXAMPLE, "--since", "yesterday")
    assert (result.exit_code, "--since 'yesterday' is no point in time" in result.stderr) == (2, True)
