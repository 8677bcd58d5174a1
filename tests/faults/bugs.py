"""The bugs that `planted.py` plants: each one a way in which payment systems have lost or doubled money."""

from tests.faults.planted import Bug, Change
from tests.faults.webhook_bugs import OF_WEBHOOKS

RACES = "tests/faults/test_races.py"
COMMITS = "tests/faults/test_commits.py"
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
        f"{RACES}::test_a_refund_that_hangs_at_the_gateway_and_is_asked_again_is_made_once[stripe]",
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
        f"{RACES}::test_a_refund_that_hangs_at_the_gateway_and_is_asked_again_is_made_once[stripe]",
    ),
    Bug(
        "the key comes from the run",
        [
            Change(
                CALLS,
                "            return await self._call(request)\n",
                "            run = activity.info().attempt\n"
                '            of_run = {"operation_id": f"{request.operation_id}:{run}"}\n'
                "            return await self._call(request.model_copy(update=of_run))\n",
            )
        ],
        f"{RACES}::test_a_refund_that_hangs_at_the_gateway_and_is_asked_again_is_made_once[stripe]",
    ),
    Bug(
        "nobody reads before asking again",
        [Change(CALLS, "if activity.info().attempt > 1:", "if False:")],
        f"{RACES}::test_a_refund_asked_again_after_the_gateway_forgot_its_key_is_made_once[stripe]",
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
        f"{DEADLINES}::test_an_unknown_outcome_shows_its_exposure_until_it_is_known[stripe]",
    ),
)
OF_ANSWERS = (
    Bug(
        "an unknown outcome is taken for a no",
        [Change(DECISIONS, "if operation.payment_reference is None:", "if True:")],
        f"{DEADLINES}::test_an_unknown_outcome_shows_its_exposure_until_it_is_known[stripe]",
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
OF_BOOKS = (
    Bug(
        "an error of a COMMIT is swallowed",
        [
            Change(
                "ledger/database.py",
                "class TransactionId(UserDefinedType[str]):\n",
                "def _careless(_: object, connection: object) -> None:\n"
                "    try:\n"
                "        connection.commit()\n"
                "    except Exception:\n"
                "        pass\n\n\n"
                "from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg\n\n"
                "PGDialectAsync_psycopg.do_commit = _careless\n\n\n"
                "class TransactionId(UserDefinedType[str]):\n",
            )
        ],
        f"{COMMITS}::test_an_outcome_whose_commit_is_lost_is_in_the_books_once[lose_commit]",
    ),
    Bug(
        "the fee is not booked",
        [Change("activities/consequences.py", "if fee is None or fee.amount_minor == 0:", "if True:")],
        f"{COMMITS}::test_an_outcome_whose_commit_is_lost_is_in_the_books_once[lose_answer]",
    ),
    Bug(
        "the exposure stays when the outcome is known",
        [
            Change(
                DECISIONS,
                'consequences.of_known(case.charge, before, now) if before.outcome == "unknown" else []',
                "[]",
            )
        ],
        f"{DEADLINES}::test_an_unknown_outcome_shows_its_exposure_until_it_is_known[paypal]",
    ),
    Bug(
        "refunds are not held against what is left",
        [
            Change("ledger/refunds.py", "if asked.amount_minor == 0 or left < asked:", "if asked.amount_minor == 0:"),
            Change(
                "ledger/migrations/versions/0005_charges_and_operations.py",
                "CHECK (refunded_minor + refund_reserved_minor <= captured_minor)",
                "CHECK (true)",
            ),
        ],
        "tests/workflows/test_refund.py::test_of_fifty_refunds_at_once_of_60_on_100_exactly_one_succeeds[stripe]",
    ),
    Bug(
        "an entry may be posted twice under one reference",
        [
            Change(
                "ledger/migrations/versions/0003_journal.py",
                'reference text COLLATE "C" NOT NULL UNIQUE CONSTRAINT',
                'reference text COLLATE "C" NOT NULL CONSTRAINT',
            )
        ],
        "tests/ledger/test_journal_races.py::test_of_twenty_who_post_the_same_entry_one_does",
    ),
    Bug(
        "more may be captured than was authorized",
        [
            Change(
                "ledger/migrations/versions/0005_charges_and_operations.py",
                "CHECK (captured_minor <= authorized_minor)",
                "CHECK (captured_minor <= authorized_minor + 1)",
            )
        ],
        "tests/ledger/test_limits.py::test_a_charge_has_amounts_within_its_limits_and_no_others",
    ),
    Bug(
        "yen are written with two decimal places",
        [Change("gateways/stripe_amounts.py", "GNF JPY KMF", "GNF KMF")],
        f"{CHARGES}::test_currencies_without_and_with_three_decimals_arrive_exactly",
    ),
)
OF_PROCESSES = (
    Bug(
        "a customer who walks away can still be charged",
        [
            Change(
                ATTEMPTS,
                'return await perform(charge, OperationKind.VOID, "abandon", None, charge.own_name, lapsed=True, until_done=True)',
                'return await charge.park("the customer did not authenticate")',
            )
        ],
        f"{DEADLINES}::test_a_customer_who_never_authenticates_cannot_be_charged_later",
    ),
    Bug(
        "a cancel takes nothing back",
        [Change("workflows/charge_taken.py", 'return "cancel", charge.cancellation.actor', "return None")],
        f"{RACES}::test_a_cancel_at_any_moment_of_a_charge_leaves_nothing_taken[stripe]",
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
        f"{RACES}::test_an_attempt_that_was_given_up_is_not_sent_by_a_worker_that_wakes_up",
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
BUGS = (*OF_KEYS, *OF_ANSWERS, *OF_BOOKS, *OF_PROCESSES, *OF_WEBHOOKS)
