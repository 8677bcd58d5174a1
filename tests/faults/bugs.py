"""The bugs that `planted.py` plants: each one a way in which payment systems have lost or doubled money."""

from tests.faults.adjustment_bugs import OF_ADJUSTMENTS
from tests.faults.billed_bugs import OF_BILLING
from tests.faults.card_bugs import OF_CARDS
from tests.faults.delivery_bugs import OF_DELIVERIES
from tests.faults.ledger_bugs import OF_BOOKS
from tests.faults.planted import Bug, Change
from tests.faults.webhook_bugs import OF_WEBHOOKS

RACES = "tests/faults/test_races.py"
REQUESTS = "tests/gateways/test_requests.py"
GATEWAY_CALLS = "tests/activities/test_gateway_calls.py"
FEW_HUNDRED_RUNS = "tests/simulation/test_simulation.py::test_no_invariant_is_broken_in_a_few_hundred_runs"
DEADLINES = "tests/workflows/test_deadlines.py"
CHARGES = "tests/workflows/test_charge.py"
CATCH_UP = "tests/workflows/test_event_catch_up.py"
DECISIONS = "activities/charge_decisions.py"
CALLS = "activities/gateway_calls.py"
ATTEMPTS = "workflows/charge_attempts.py"

OF_KEYS = (
    Bug(
        "the key is drawn by chance",
        [
            Change("gateways/wire.py", "import asyncio\n", "import asyncio\nimport uuid\n"),
            Change(
                "gateways/wire.py",
                'headers={**headers, "Accept-Encoding": "identity"}',
                'headers={**headers, "Accept-Encoding": "identity", "Idempotency-Key": str(uuid.uuid4())}',
            ),
        ],
        f"{REQUESTS}::test_every_write_carries_its_key",
    ),
    Bug(
        "the key is dropped",
        [
            Change(
                "gateways/wire.py",
                'headers={**headers, "Accept-Encoding": "identity"}',
                'headers={name: value for name, value in headers.items() if name != "Idempotency-Key"}',
            )
        ],
        f"{REQUESTS}::test_every_write_carries_its_key",
    ),
    Bug(
        "the key comes from the run",
        [
            Change(
                CALLS,
                "            return await self._call(request)\n",
                "            run = activity.info().workflow_run_id\n"
                '            of_run = {"operation_id": f"{request.operation_id}:{run}"}\n'
                "            return await self._call(request.model_copy(update=of_run))\n",
            )
        ],
        f"{GATEWAY_CALLS}::test_an_operation_has_one_name_in_every_run_and_attempt",
    ),
    Bug(
        "nobody reads before asking again",
        [Change(CALLS, "if activity.info().attempt > 1:", "if False:")],
        f"{GATEWAY_CALLS}::test_what_is_asked_again_is_read_first",
    ),
    Bug(
        "the payment is not remembered before money moves",
        [
            Change(
                CALLS,
                "kept = await operations.remember_payment(connection, request.operation_id, reference)",
                "kept = reference",
            )
        ],
        f"{GATEWAY_CALLS}::test_a_payment_is_remembered_before_its_money_moves",
    ),
)
OF_ANSWERS = (
    Bug(
        "an unknown outcome is taken for a no",
        [Change(DECISIONS, "if operation.payment_reference is None:", "if True:")],
        FEW_HUNDRED_RUNS,
    ),
    Bug(
        "a timeout is taken for nothing sent",
        [
            Change("gateways/wire.py", "except httpx.HTTPError as error:", "except UnicodeError as error:"),
            Change("gateways/wire.py", "except NOT_SENT as error:", "except httpx.HTTPError as error:"),
        ],
        "tests/gateways/test_faults.py::test_fault",
    ),
    Bug(
        "an older answer overwrites a final state",
        [
            Change(DECISIONS, "    if before.is_decided:\n        return None\n", ""),
            Change(
                "ledger/operations.py",
                """_DECIDE = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"), _UNDECIDED)""",
                """_DECIDE = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"))""",
            ),
        ],
        f"{RACES}::test_a_final_state_is_not_overwritten_by_an_older_answer[stripe]",
    ),
    Bug(
        "the caller is answered before anything is decided",
        [
            Change(
                "workflows/charge.py",
                "return status.is_decided or status is ChargeStatus.PENDING or acting",
                "return True or acting",
            )
        ],
        f"{CHARGES}::test_a_decline_ends_the_charge_and_posts_nothing",
    ),
    Bug(
        "an error of the gateway is taken for a no",
        [Change("gateways/stripe_errors.py", "if fault is None or status not in ANSWERS:", "if fault is None:")],
        "tests/gateways/test_faults.py::test_fault",
    ),
    Bug(
        "a person is believed against the gateway",
        [
            Change(
                "activities/review_decision.py",
                "        case _:\n            return Contradicted(_contradiction(operation, resolution, read))",
                "        case _:\n            return Taken(_given_up(because, None))",
            )
        ],
        "tests/activities/test_review_decision.py::test_each_word_meets_each_answer_of_the_gateway",
    ),
    Bug(
        "the same id with other content is taken for the same charge",
        [Change("workflows/charge.py", "request.content_hash != self._request.content_hash()", "False")],
        f"{CHARGES}::test_the_same_id_with_other_content_is_refused",
    ),
)
OF_PROCESSES = (
    Bug(
        "a customer who walks away can still be charged",
        [
            Change(
                ATTEMPTS,
                "        return await _abandon(charge)\n",
                '        gone = Refused(code="not_authenticated", message="the customer did not authenticate")\n'
                "        return await charge.record(operation, gone, lapsed=True)\n",
            )
        ],
        f"{DEADLINES}::test_a_customer_who_never_authenticates_cannot_be_charged_later",
    ),
    Bug(
        "a cancel takes nothing back",
        [Change("workflows/charge_taken.py", 'return "cancel", charge.cancellation.actor', "return None")],
        FEW_HUNDRED_RUNS,
    ),
    Bug(
        "a capture and a void are both obeyed",
        [Change("workflows/charge.py", "if self._charge.command is not None:", "if False:")],
        f"{RACES}::test_a_capture_and_a_void_at_once_are_one_or_the_other[stripe]",
    ),
    Bug(
        "a refund that fails later is not seen",
        [Change("workflows/refund.py", "else (Declined, Refused)", "else (Pending,)")],
        f"{DEADLINES}::test_a_refund_that_fails_days_later_is_taken_back_in_the_books",
    ),
    Bug(
        "the horizon moves before the events are on disk",
        [
            Change(
                "workflows/event_catch_up.py",
                "        try:\n            kept = await self._read(gateway, window)\n",
                "        async with self._database.begin() as connection:\n"
                "            await horizons.move(connection, gateway.name, window.until, LEASE)\n"
                "        try:\n            kept = await self._read(gateway, window)\n",
            )
        ],
        f"{CATCH_UP}::test_the_horizon_moves_only_past_what_is_on_disk",
    ),
    Bug(
        "an operation that was given up can still be sent",
        [
            Change(
                "ledger/operations.py",
                """_REMEMBER = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"), _UNDECIDED)""",
                """_REMEMBER = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"))""",
            )
        ],
        f"{GATEWAY_CALLS}::test_what_was_given_up_is_not_sent",
    ),
    Bug(
        "a process does other steps than before",
        [
            Change(
                ATTEMPTS,
                "    act_until = charge.world.now() + ACTION_DEADLINE\n",
                "    act_until = charge.world.now() + ACTION_DEADLINE\n"
                "    await charge.world.wait(lambda: False, timedelta(seconds=1), 'a pause')\n",
            )
        ],
        "tests/workflows/test_replay.py::test_a_recorded_history_replays_with_todays_code",
    ),
)
BUGS = (
    *OF_KEYS,
    *OF_ANSWERS,
    *OF_BOOKS,
    *OF_PROCESSES,
    *OF_DELIVERIES,
    *OF_WEBHOOKS,
    *OF_ADJUSTMENTS,
    *OF_CARDS,
    *OF_BILLING,
)
