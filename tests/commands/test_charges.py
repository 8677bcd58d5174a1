"""Charges from the command line, over both gateways, as scripts start, repeat, capture, void and read them."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError

from settings import Settings
from tests.commands.conftest import CommandLine, Servers
from workflows.client import connect

pytestmark = pytest.mark.system

DECLINED = "stripe=pm_card_visa_chargeDeclinedInsufficientFunds"
AUTHENTICATION = "stripe=pm_card_authenticationRequired"
LINK = "the customer has to authenticate at "


def effects(cli: CommandLine, gateway: str, charge_id: str) -> list[str]:
    """What really happened to a charge at a gateway, from its own record; fees are not told apart."""
    truth = cli.simulators[gateway].truth()["effects"]
    operations = [effect for effect in truth if (effect["operation_id"] or "").startswith(f"{charge_id}:")]
    return [effect["kind"] for effect in operations if effect["kind"] != "fee"]


async def forget(address: str, workflow_id: str) -> None:
    """Delete a process and its history, as the end of retention does."""
    settings = Settings(_env_file=None, temporal_address=address)
    client = await connect(settings)
    execution = WorkflowExecution(workflow_id=workflow_id)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    )
    async with asyncio.timeout(90):
        while True:
            try:
                await client.get_workflow_handle(workflow_id).describe()
            except RPCError:
                return
            await asyncio.sleep(0.05)


async def terminate(address: str, workflow_id: str) -> None:
    """End a process by force, as an operator may in the Web UI."""
    client = await connect(Settings(_env_file=None, temporal_address=address))
    await client.get_workflow_handle(workflow_id).terminate("by an operator")


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_charge_is_captured_and_its_document_leads_to_every_record_of_it(cli: CommandLine, gateway: str) -> None:
    """A script reads in one document where the money is, at the gateway and in the books."""
    answer = cli.charge(f"auto_{gateway}", gateway, "--metadata", "order=4711", "--invoice", "in_1")
    assert (answer.exit_code, answer.stderr) == (0, "")
    charge = answer.document
    assert (charge["charge_id"], charge["status"], charge["gateway"]) == (f"auto_{gateway}", "captured", gateway)
    assert (charge["amount_minor"], charge["currency"]) == (4999, "USD")
    assert (charge["authorized_minor"], charge["captured_minor"], charge["refunded_minor"]) == (4999, 4999, 0)
    assert (charge["metadata"], charge["invoice"], charge["customer"]) == ({"order": "4711"}, "in_1", "cus_1")
    [operation] = charge["operations"]
    assert operation["operation_id"] == operation["entry_reference"] == f"auto_{gateway}:capture:1"
    assert (operation["kind"], operation["gateway"], operation["outcome"]) == ("capture", gateway, "succeeded")
    assert operation["gateway_reference"]
    assert operation["decline_code"] is None
    entry = next(entry for entry in charge["entries"] if entry["entry_reference"] == operation["entry_reference"])
    lines = {(line["account"], line["side"], line["amount_minor"]) for line in entry["lines"]}
    assert lines == {(f"clearing:{gateway}", "debit", 4999), ("receivable:cus_1", "credit", 4999)}
    assert charge["web_ui"].endswith(f"/namespaces/default/workflows/charge%2Fauto_{gateway}")
    assert cli("status", f"auto_{gateway}", "--json").document == charge
    assert effects(cli, gateway, f"auto_{gateway}") == ["capture"]


def test_a_person_reads_a_sentence_and_a_timeline(cli: CommandLine) -> None:
    """People see the same without JSON: the answer, and with `status` everything that happened, with times and reasons."""
    amount = ("--amount", "20.00", "--currency", "EUR", "--customer", "cus_1")
    answer = cli.process("charge", *amount, "--payment-method", "stripe=pm_card_visa", "--id", "told")
    assert (answer.exit_code, answer.stdout) == (0, "charge told is captured: 20.00 EUR at stripe\n")
    told = cli.process("status", "told").stdout
    reference = cli("status", "told", "--json").document["operations"][0]["gateway_reference"]
    for part in (
        "charge told: captured, 20.00 EUR",
        "stripe: the only one that can take it",
        "told:capture:1: attempt 1, capture 20.00 EUR at stripe with pm_card_visa",
        reference,
        "entry told:capture:1 (captured)",
        "clearing:stripe",
        "/workflows/charge%2Ftold",
        f"{datetime.now(UTC):%Y-%m-%d}",
    ):
        assert part in told


def test_the_same_charge_again_is_the_same_charge(cli: CommandLine) -> None:
    """A script that repeats itself charges nobody twice."""
    first = cli.charge("again")
    again = cli.charge("again")
    assert (again.exit_code, again.document) == (0, first.document)
    assert effects(cli, "stripe", "again") == ["capture"]


def test_many_at_once_with_the_same_id_are_one_charge(cli: CommandLine) -> None:
    """Two callers that race with one id are told the same, and the customer pays once."""
    arguments = ["charge", "--amount", "5", "--currency", "USD", "--customer", "cus_1", "--id", "raced", "--json"]
    racing = [cli.start(*arguments, "--payment-method", "stripe=pm_card_visa") for _ in range(4)]
    answers = []
    for process in racing:
        with process:
            answers.append(cli.end(process))
    assert [answer.exit_code for answer in answers] == [0, 0, 0, 0]
    assert len({answer.document["operations"][0]["gateway_reference"] for answer in answers}) == 1
    assert effects(cli, "stripe", "raced") == ["capture"]


def test_the_same_charge_again_is_the_same_when_temporal_has_forgotten_it(cli: CommandLine) -> None:
    """Retention ends, ids do not: a charge is never made a second time under its id."""
    first = cli.charge("forgotten")
    asyncio.run(forget(cli.environment["TEMPORAL_ADDRESS"], "charge/forgotten"))
    again = cli.charge("forgotten")
    assert (again.exit_code, again.document) == (0, first.document)
    other = cli.charge("forgotten", amount="50")
    assert (other.exit_code, other.stdout) == (1, "")
    assert effects(cli, "stripe", "forgotten") == ["capture"]


@pytest.mark.parametrize("options", [(), ("--detach",)])
def test_other_content_under_a_known_id_is_refused(cli: CommandLine, options: tuple[str, ...]) -> None:
    """An id stands for one wish: what would be another one is not mistaken for it."""
    cli.charge("taken")
    answer = cli.charge("taken", "stripe", *options, amount="50")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.lines == ["error: charge taken exists with other content: use another id for another charge"]


def test_a_decline_is_an_answer(cli: CommandLine) -> None:
    """Exit code 1, the gateway's reason on stderr, and the whole charge on stdout."""
    answer = cli.charge("declined", "stripe", "--payment-method", DECLINED)
    assert answer.exit_code == 1
    reason = "insufficient_funds: Your card has insufficient funds."
    assert answer.lines == [f"error: charge declined is declined: 49.99 USD at stripe: {reason}"]
    assert (answer.document["status"], answer.document["decline_code"]) == ("declined", "insufficient_funds")
    assert answer.document["operations"][0]["entry_reference"] is None
    assert cli.charge("declined", "stripe", "--payment-method", DECLINED).exit_code == 1


@pytest.mark.parametrize("method", ["stripe=pm_nobody", "paypal=nobody"])
def test_an_unknown_payment_method_is_declined(cli: CommandLine, method: str) -> None:
    """Only the gateway knows its tokens; that it does not know one is its answer."""
    charge_id = f"unknown_{method.partition('=')[0]}"
    answer = cli.charge(charge_id, "stripe", "--payment-method", method)
    assert (answer.exit_code, answer.document["status"], len(answer.lines)) == (1, "declined", 1)


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_an_authorization_is_captured_in_part_once(cli: CommandLine, gateway: str) -> None:
    """What was not taken is released, and a second capture is told plainly that nothing is left."""
    charge_id = f"part_{gateway}"
    held = cli.charge(charge_id, gateway, "--capture", "manual")
    assert (held.exit_code, held.document["status"], held.document["captured_minor"]) == (0, "authorized", 0)
    too_much = cli("capture", charge_id, "--amount", "50")
    assert (too_much.exit_code, len(too_much.lines)) == (1, 1)
    assert "50.00 USD is more than the 49.99 USD that is authorized" in too_much.stderr
    taken = cli("capture", charge_id, "--amount", "30", "--json")
    assert (taken.exit_code, taken.document["status"]) == (0, "partially_captured")
    assert (taken.document["authorized_minor"], taken.document["captured_minor"]) == (4999, 3000)
    again = cli("capture", charge_id)
    assert again.lines == [f"error: charge {charge_id} is partially captured already: nothing is left to capture"]
    void = cli("void", charge_id)
    advice = f"give money back with `refund {charge_id}`"
    assert void.lines == [f"error: charge {charge_id} is partially captured: nothing is left to void: {advice}"]
    assert (again.exit_code, void.exit_code) == (1, 1)
    assert effects(cli, gateway, charge_id).count("capture") == 1


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_an_authorization_is_voided(cli: CommandLine, gateway: str) -> None:
    """The customer's money is free again, and cannot be captured or refunded after that."""
    charge_id = f"void_{gateway}"
    cli.charge(charge_id, gateway, "--capture", "manual")
    answer = cli("void", charge_id)
    assert (answer.exit_code, answer.stdout) == (0, f"charge {charge_id} is voided: 49.99 USD at {gateway}\n")
    for command, line in (
        ("void", f"charge {charge_id} is voided already: nothing is left to void"),
        ("capture", f"charge {charge_id} is voided: nothing is left to capture"),
        ("refund", f"charge {charge_id} is voided: nothing was captured, so there is nothing to refund"),
    ):
        refused = cli(command, charge_id)
        assert (refused.exit_code, refused.lines) == (1, [f"error: {line}"])
    assert cli.charge(charge_id, gateway, "--capture", "manual").exit_code == 1


@pytest.mark.parametrize("amount", ["0", "-1", "1.234", "x"])
def test_an_amount_that_cannot_be_captured_leaves_the_authorization(cli: CommandLine, amount: str) -> None:
    """Wrong use changes nothing."""
    cli.charge("kept", "stripe", "--capture", "manual")
    answer = cli("capture", "kept", "--amount", amount)
    assert (answer.exit_code, len(answer.lines)) == (2, 1)
    assert cli("status", "kept", "--json").document["status"] == "authorized"


def test_a_capture_that_is_declined_leaves_the_authorization(cli: CommandLine) -> None:
    """The answer is no, with the gateway's reason, and the charge can still be voided."""
    cli.charge(
        "no_capture",
        "paypal",
        "--capture",
        "manual",
        "--payment-method",
        "paypal=card/card_authorize_ok_capture_declined",
    )
    answer = cli("capture", "no_capture", "--json")
    assert (answer.exit_code, answer.document["status"]) == (1, "authorized")
    assert "the capture was not made" in answer.stderr
    assert cli("void", "no_capture").exit_code == 0


def test_the_link_of_an_authentication_step_is_shown_and_the_command_goes_on_waiting(cli: CommandLine) -> None:
    """A person can send the customer there; the answer comes when the customer is done."""
    process = cli.start(
        *("charge", "--amount", "49.99", "--currency", "USD", "--customer", "cus_1", "--id", "step", "--json"),
        *("--payment-method", AUTHENTICATION),
    )
    with process:
        assert process.stderr is not None
        link = process.stderr.readline()
        assert link.startswith(LINK)
        payment = cli("status", "step", "--json").document["operations"][0]["payment_reference"]
        assert payment in link
        cli.simulators["stripe"].complete_authentication(payment)
        answer = cli.end(process)
    assert (answer.exit_code, answer.document["status"], answer.document["action_url"]) == (0, "captured", None)


def test_a_customer_who_takes_longer_than_the_wait_is_no_outage(cli: CommandLine) -> None:
    """The line says who is waited for, and where; the charge goes on."""
    answer = cli.process("charge", *_listed("slow", "cus_1", AUTHENTICATION), "--timeout", "2")
    assert (answer.exit_code, answer.stdout) == (3, "")
    assert answer.lines[0].startswith(LINK)
    link = answer.lines[0].removeprefix(LINK)
    advice = "it goes on by itself: look with `status slow`, or give the same command again"
    waiting = f"the customer has not authenticated yet at {link}"
    assert answer.lines[1:] == [f"error: charge slow is not decided after 2 s: {waiting}; {advice}"]
    payment = cli("status", "slow", "--json").document["operations"][0]["payment_reference"]
    cli.simulators["stripe"].complete_authentication(payment, "fail")
    assert cli.until("slow", "declined")["captured_minor"] == 0


def test_ending_the_command_does_not_end_the_charge(cli: CommandLine) -> None:
    """Ctrl-C leaves a line that says so, and no traceback; the customer can still pay."""
    process = cli.start(
        *("charge", "--amount", "49.99", "--currency", "USD", "--customer", "cus_1", "--id", "interrupted"),
        *("--payment-method", AUTHENTICATION),
    )
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(LINK)
        os.kill(process.pid, signal.SIGINT)
        answer = cli.end(process)
    assert (answer.exit_code, answer.stdout) == (130, "")
    assert answer.lines == ["if it was started, it goes on by itself: look with `status interrupted`"]
    payment = cli("status", "interrupted", "--json").document["operations"][0]["payment_reference"]
    cli.simulators["stripe"].complete_authentication(payment)
    cli.until("interrupted", "captured")


def test_a_charge_on_a_card_that_may_never_be_tried_is_not_made(cli: CommandLine) -> None:
    """The issuer had it as stolen at an earlier charge: the answer is no, in one line, and nothing is written."""
    stolen = "pm_card_visa_chargeDeclinedStolenCard"
    given = ("--customer", "cus_cards", "--gateway", "stripe", "--token", stolen, "--brand", "visa")
    assert cli("customers", "add", "cus_cards", "--currency", "USD", "--time-zone", "UTC").exit_code == 0
    assert cli("methods", "add", "pm_stolen", *given).exit_code == 0
    first = cli.charge("stolen_1", "stripe", "--payment-method", f"stripe={stolen}")
    assert (first.exit_code, first.document["status"]) == (1, "declined")
    again = cli.charge("stolen_2", "stripe", "--payment-method", f"stripe={stolen}")
    assert (again.exit_code, again.stdout) == (1, "")
    why = "visa 43: category 1: the issuer will never approve; ask for another card"
    assert again.lines == [f"error: card of payment method pm_stolen may never be tried again: {why}"]
    assert cli("status", "stolen_2").exit_code in {2, 3}
    shown = cli("cards", "show", "pm_stolen", "--json").document
    assert [each["operation_id"] for each in shown["tries"]] == ["stolen_1:capture:1"]


def test_a_detached_charge_is_only_started(cli: CommandLine) -> None:
    """The command returns at once with where to look, and starting it again starts nothing new."""
    answer = cli.charge("detached", "paypal", "--detach")
    assert answer.exit_code == 0
    assert answer.document.keys() == {"charge_id", "web_ui"}
    again = cli.charge("detached", "paypal", "--detach")
    assert (again.exit_code, again.document) == (0, answer.document)
    assert cli.until("detached", "captured")["web_ui"] == answer.document["web_ui"]
    assert effects(cli, "paypal", "detached") == ["capture"]


def test_a_charge_that_no_worker_has_seen_yet_has_its_content_already(cli: CommandLine) -> None:
    """Between its start and its first row, an id stands for one wish as well; ended by force, it was never made."""
    nobody = {"TASK_QUEUE": "nobody-yet"}
    assert cli.charge("unseen", "stripe", "--detach", **nobody).exit_code == 0
    assert cli.charge("unseen", "stripe", "--detach", **nobody).exit_code == 0
    other = cli.charge("unseen", "stripe", "--detach", amount="50", **nobody)
    line = "error: charge unseen exists with other content: use another id for another charge"
    assert (other.exit_code, other.stdout, other.lines) == (1, "", [line])
    status = cli("status", "unseen", **nobody)
    started = "error: charge unseen was started and is not in the books yet"
    assert (status.exit_code, status.stdout) == (3, "")
    assert status.lines == [
        f"{started}: no worker is running on task queue 'nobody-yet': start one with `python worker.py`"
    ]
    asyncio.run(terminate(cli.environment["TEMPORAL_ADDRESS"], "charge/unseen"))
    ended = cli.charge("unseen")
    assert (ended.exit_code, ended.stdout, len(ended.lines)) == (1, "", 1)
    assert ended.stderr.startswith("error: charge unseen was not made: terminated")


def test_a_process_that_is_ended_by_force_is_not_waited_for(cli: CommandLine) -> None:
    """The books say where the charge was left; the command does not hang on a process that is gone."""
    process = cli.start("charge", *_listed("forced", "cus_1", AUTHENTICATION))
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(LINK)
        asyncio.run(terminate(cli.environment["TEMPORAL_ADDRESS"], "charge/forced"))
        answer = cli.end(process)
    assert (answer.exit_code, answer.stdout, len(answer.lines)) == (3, "", 1)
    assert "charge forced is requires action" in answer.stderr
    void = cli("void", "forced")
    assert (void.exit_code, len(void.lines)) == (3, 1)
    assert "the process of charge forced is not running" in void.stderr
    # Its customer is done, so that whoever repairs these books later finds how it ended.
    payment = cli("status", "forced", "--json").document["operations"][0]["payment_reference"]
    cli.simulators["stripe"].complete_authentication(payment, "fail")


def test_a_pending_payment_is_not_known_yet(cli: CommandLine) -> None:
    """A bank may take days: the script learns that there is no answer yet, not that it is no."""
    answer = cli.charge("pending", "paypal", "--payment-method", "paypal=wallet_pending_review")
    assert (answer.exit_code, answer.document["status"]) == (3, "pending")
    assert answer.lines == [
        "error: charge pending is pending: 49.99 USD at paypal: PENDING_REVIEW; look with `status pending`"
    ]


@pytest.mark.parametrize("command", ["capture", "void", "refund", "status", "reconcile"])
def test_an_unknown_charge_is_wrong_use(cli: CommandLine, command: str) -> None:
    """A mistyped id is told from a refusal by the exit code."""
    answer = cli(command, "nobody")
    assert (answer.exit_code, answer.lines) == (2, ["error: there is no charge nobody: check the id with `charges`"])


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_dispute_is_looked_for_when_a_person_asks(cli: CommandLine, gateway: str) -> None:
    """A charge whose gateway took money back says so, and the charge command of the same id repeats it."""
    name = f"disputed_{gateway}"
    charged = cli.charge(name, gateway).document
    cli.simulators[gateway].dispute(charged["operations"][0]["payment_reference"])
    asked = cli("reconcile", name, "--json")
    assert (asked.exit_code, asked.document["web_ui"].rpartition("/")[2]) == (0, f"reconcile%2F{name}")
    for _ in range(300):
        found = cli("status", name, "--json").document
        if found["status"] == "disputed":
            break
        time.sleep(0.1)
    [taken] = found["withdrawals"]
    assert (taken["kind"], taken["state"], found["withdrawn_minor"]) == ("dispute", "open", found["captured_minor"])
    assert "taken back" in cli("status", name).stdout
    again = cli.charge(name, gateway)
    assert (again.exit_code, again.document["status"]) == (0, "disputed")
    refund = cli("refund", name)
    assert (refund.exit_code, len(refund.lines)) == (1, 1)


def test_charges_are_listed_newest_first_and_filtered(cli: CommandLine) -> None:
    """Operations people find charges by status, customer and time; scripts get the same as JSON."""
    for name in ("list_1", "list_2"):
        assert cli("charge", *_listed(name, "cus_list")).exit_code == 0
    assert cli("charge", *_listed("list_3", "cus_list", DECLINED)).exit_code == 1
    everything = cli("charges", "--customer", "cus_list", "--json").document["charges"]
    assert [charge["charge_id"] for charge in everything] == ["list_3", "list_2", "list_1"]
    declined = cli("charges", "--customer", "cus_list", "--status", "declined", "--json").document["charges"]
    assert [charge["charge_id"] for charge in declined] == ["list_3"]
    assert len(cli("charges", "--limit", "2", "--json").document["charges"]) == 2
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert cli("charges", "--since", tomorrow, "--json").document == {"charges": []}
    shown = cli("charges", "--customer", "cus_list", "--since", "1h").stdout
    assert all(part in shown for part in ("list_1", "list_2", "list_3", "insufficient_funds", "9.99 USD"))
    reference = cli("status", "list_1", "--json").document
    assert everything[2] == {name: reference[name] for name in everything[2]}


def _listed(charge_id: str, customer: str, method: str = "stripe=pm_card_visa") -> list[str]:
    amount = ["--amount", "9.99", "--currency", "USD", "--customer", customer]
    return [*amount, "--payment-method", method, "--id", charge_id]


def test_nothing_of_a_refused_command_is_left_anywhere(cli: CommandLine, servers: Servers) -> None:
    """Wrong use leaves no row and no process, and a card number leaves no trace."""
    cli.charge("half_done", "stripe", "--metadata", "card=4242424242424242")
    cli.charge("half_done", "stripe", "--gateway", "paypal")
    cli("charge", *_listed("half_done", "cus_1"), "--currency", "XXX")
    with psycopg.connect(servers.superuser_url) as connection:
        found = connection.execute("SELECT count(*) FROM charges WHERE charge_id = 'half_done'").fetchone()
    assert found == (0,)
    assert cli("status", "half_done").exit_code == 2
