"""Routing on the command line, over the books of charges that were made."""

from pathlib import Path

import psycopg
import pytest

from tests.commands.conftest import CommandLine, Servers

pytestmark = pytest.mark.system

BOTH = ("--payment-method", "stripe=pm_card_visa,brand=visa,country=US", "--payment-method", "paypal=wallet_ok")
POLICY = """editions:
  - version: trial
    effective_from: 2999-01-01
    fallback_order: [stripe, paypal]
    success_rate: {minimum_outcomes: 1, exploration_share: 0}
    fees:
      stripe: {percentage: 2.9, fixed_minor: {USD: 30}}
      paypal: {percentage: 1}
    rules:
      - {name: marked, when: {metadata: {route: cheap}}, then: {least_cost: [stripe, paypal]}}
"""
RATED = "      - {name: visa, when: {card_brand: [visa]}, then: {success_rate: [paypal, stripe]}}\n"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that is to be tried out."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return str(path)


def test_the_decision_is_kept_with_the_attempt(cli: CommandLine, servers: Servers) -> None:
    """Years later it can be said why this gateway was asked."""
    cli.charge("routed_1", "stripe", *BOTH)
    with psycopg.connect(servers.superuser_url) as connection:
        row = connection.execute("SELECT routing FROM operations WHERE operation_id = 'routed_1:capture:1'").fetchone()
    assert row is not None
    kept = row[0]
    assert (kept["gateway"], kept["strategy"], kept["policy_version"]) == ("stripe", "fallback_order", "gateway-order")
    assert [one["gateway"] for one in kept["candidates"]] == ["stripe", "paypal"]
    assert "pm_card_visa" not in str(kept)


def test_past_charges_are_replayed_under_another_policy(cli: CommandLine, policy: str) -> None:
    """What a policy would change is known before it changes anything."""
    cli.charge("replayed_1", "stripe", *BOTH, "--metadata", "route=cheap")
    cli.charge("replayed_2", "stripe", *BOTH)
    cli.charge("replayed_3", "stripe", *BOTH, "--gateway", "stripe", "--metadata", "route=cheap")
    answer = cli("routing", "replay", "--policy", policy, "--since", "1h", "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    report = answer.document
    found = {one["charge_id"]: one for one in report["replayed"] if one["charge_id"].startswith("replayed_")}
    assert {charge_id: one["would_choose"] for charge_id, one in found.items()} == {
        "replayed_1": "paypal",
        "replayed_2": "stripe",
        "replayed_3": "stripe",
    }
    assert (found["replayed_1"]["chosen_fee_minor"], found["replayed_1"]["would_fee_minor"]) == (175, 50)
    assert report["policy_version"] == "trial"
    assert report["same"] + report["different"] + report["nowhere"] == report["charges"] == len(report["replayed"])
    shown = cli("routing", "replay", "--policy", policy, "--since", "1h").stdout
    assert "policy trial: " in shown
    assert all(
        part in shown for part in ("would be chosen", "expected fees as chosen", "replayed_1", "expected success")
    )


def test_a_replay_over_no_charges_says_so(cli: CommandLine, policy: str) -> None:
    """An empty answer is told from an answer that nothing would change."""
    answer = cli("routing", "replay", "--policy", policy, "--since", "2999-01-01")
    assert (answer.exit_code, answer.stdout) == (0, "there are no charges in that time\n")


def test_a_choice_by_outcomes_reads_those_of_the_books(cli: CommandLine, tmp_path: Path) -> None:
    """The scores that a person sees are those that a worker goes by."""
    path = tmp_path / "now.yaml"
    path.write_text(POLICY.replace("2999-01-01", "2026-01-01") + RATED)
    cli.charge("scored_1", "stripe", *BOTH)
    options = ("--amount", "10", "--currency", "USD", *BOTH, "--json")
    decision = cli("routing", "explain", "--policy", str(path), *options).document
    scores = {one["gateway"]: one["scores"] for one in decision["candidates"]}
    assert decision["rule"] == "visa"
    assert scores["stripe"]["outcomes"] >= 1
    assert 0 < scores["stripe"]["success_rate"] <= 1
    before = cli("routing", "explain", "--policy", str(path), *options, "--at", "2026-02-01").document
    assert all(one["scores"] == {} for one in before["candidates"])
