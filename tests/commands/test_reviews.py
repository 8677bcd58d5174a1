"""`review`: what waits for a person is listed, shown with its evidence, and resolved by the process or not at all."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.commands.conftest import CommandLine, Servers
from tests.ledger.test_limits import CHARGE, OPERATION, insert
from tests.ledger.test_reviews import CHOICES, EVIDENCE, RESOLVED

pytestmark = pytest.mark.system

RESOLVE = ("--as", "failed", "--because", "seen in the dashboard", "--by", "alice")
REASON = "the outcome is still unknown"


@pytest.fixture(scope="module")
def parked(servers: Servers) -> str:
    """A charge of 1.00 USD in review, whose process is not there, with a refund that was in review before."""
    charge_id = "parked"
    with psycopg.connect(servers.superuser_url, autocommit=True) as connection:
        insert(connection, "charges", CHARGE | {"charge_id": charge_id, "status": "needs_review"})
        for kind, refund_id in (("capture", None), ("refund", "re_parked")):
            name = {"operation_id": f"{charge_id}:{kind}:1", "kind": kind, "purpose": kind, "refund_id": refund_id}
            insert(connection, "operations", OPERATION | {"charge_id": charge_id} | name)
        shown = {
            "reason": REASON,
            "evidence": Jsonb(EVIDENCE.model_dump(mode="json")),
            "choices": Jsonb([choice.model_dump(mode="json") for choice in CHOICES]),
        }
        case = shown | {"charge_id": charge_id}
        insert(connection, "reviews", case | RESOLVED | {"operation_id": "parked:refund:1", "refund_id": "re_parked"})
        insert(connection, "reviews", case | {"operation_id": "parked:capture:1"})
    return charge_id


def by_charge(found: Any, charge_id: str) -> list[dict[str, Any]]:
    """The reviews of a charge among those listed."""
    return [review for review in found["reviews"] if review["charge_id"] == charge_id]


def test_what_waits_for_a_person_is_listed(cli: CommandLine, parked: str) -> None:
    """Open cases and resolved ones are two lists, and each has whom and what it is about."""
    [waiting] = by_charge(cli("review", "list", "--json").document, parked)
    assert (waiting["operation_id"], waiting["resolved_at"]) == ("parked:capture:1", None)
    [resolved] = by_charge(cli("review", "list", "--resolved", "--json").document, parked)
    assert (resolved["refund_id"], resolved["resolution"]) == ("re_parked", "failed")
    text = cli("review", "list").stdout
    assert all(word in text for word in (parked, "parked:capture:1", "1.00 USD", REASON))
    assert "re_parked" not in text


def test_a_review_is_shown_with_what_a_person_needs(cli: CommandLine, parked: str) -> None:
    """Why, since when, how much, where to look, and what each word would do."""
    answer = cli("review", "show", parked)
    assert answer.exit_code == 0
    for line in (
        f"reason          {REASON}",
        "operation       parked:capture:1, which is also its key at the gateway",
        "said last       unknown: no answer in time",
        "look at         pi_1, ch_at_stripe at stripe",
        "exposure        1.00 USD",
        "as succeeded    the money is booked",
        "as failed       nothing is booked",
        "because         looked",
    ):
        assert f"  {line}\n" in answer.stdout
    refund, charge = cli("review", "show", parked, "--json").document["reviews"]
    assert charge["web_ui"].endswith("/charge%2Fparked")
    assert refund["web_ui"].endswith("/refund%2Fre_parked")
    assert charge["evidence"]["exposure_minor"] == 100
    assert [choice["resolution"] for choice in charge["choices"]] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "line"),
    [
        (("show", "nobody"), 2, "there is no charge nobody: check the id with `charges`"),
        (("resolve", "nobody", *RESOLVE), 2, "there is no charge nobody: check the id with `charges`"),
        (
            ("resolve", "parked", "--refund", "re_other", *RESOLVE),
            1,
            "refund re_other of charge parked is not in review: `review list` shows what waits for a person",
        ),
        (
            ("resolve", "parked", "--refund", "re_parked", *RESOLVE),
            1,
            "the review of refund re_parked of charge parked is closed already, as failed by person:alice: a case is resolved once",
        ),
    ],
)
def test_what_cannot_be_resolved_is_told_in_a_line(
    cli: CommandLine, parked: str, arguments: tuple[str, ...], exit_code: int, line: str
) -> None:
    """A wrong id is wrong use; no case and a closed one are a no."""
    answer = cli("review", *arguments)
    assert (answer.exit_code, answer.stdout, answer.lines) == (exit_code, "", [f"error: {line}"])


def test_a_charge_that_needs_nobody_is_told_so(cli: CommandLine) -> None:
    """Whoever is mistaken in the charge learns where it stands."""
    cli.charge("well")
    answer = cli("review", "show", "well")
    assert (answer.exit_code, answer.lines) == (1, ["error: charge well is captured and was never in review"])
    answer = cli("review", "resolve", "well", *RESOLVE)
    line = "error: charge well is not in review: `review list` shows what waits for a person"
    assert (answer.exit_code, answer.lines) == (1, [line])


def test_without_its_process_nothing_is_resolved(cli: CommandLine, parked: str) -> None:
    """The books are not written past the process, which alone reads the gateway first."""
    answer = cli("review", "resolve", parked, *RESOLVE)
    assert answer.exit_code == 3
    assert answer.lines[0].startswith("error: the process charge/parked is not running in Temporal at")
    [waiting] = by_charge(cli("review", "list", "--json").document, parked)
    assert waiting["resolution"] is None
