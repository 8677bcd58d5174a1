"""The planted bugs of subscriptions and dunning: ways in which a customer is charged, paid back, told or ended twice, or never."""

from tests.faults.planted import Bug, Change

STEPS = "tests/activities/test_dunning_steps.py"
COLLECTIONS = "tests/activities/test_subscription_steps.py"
WAKERS = "tests/workflows/test_process_waker.py"
TRIES = "tests/billing/test_try_books.py"
NOTICES = "tests/activities/test_notices.py"
DUNNING = "activities/dunning_books.py"
WAKER = "workflows/process_waker.py"
TAKEN = (
    "            delivered = await asyncio.gather(*(self._deliver(wake) for wake in taken), return_exceptions=True)\n"
)
CLAIMED = """            if isinstance(prepared, NoticeResult):
                return await wanted_notice.settle(connection, wanted, prepared, now)
            post, message = prepared
        # From here on it is ours, whatever happens to this worker.
        result = await self._mailed(wanted, post, message)
"""
SENT_FIRST = """            if isinstance(prepared, NoticeResult):
                return await wanted_notice.settle(connection, wanted, prepared, now)
            post, message = prepared
            result = await self._mailed(wanted, post, message)
"""

OF_BILLING = (
    Bug(
        "a try has a new number in each attempt of its step",
        [Change(DUNNING, "                number=asked.number,\n", "                number=None,\n")],
        f"{STEPS}::test_a_try_that_is_begun_again_is_the_same_charge",
    ),
    Bug(
        "a surplus is given back under a new name each time",
        [
            Change(DUNNING, "from temporalio import activity\n", "import uuid\n\nfrom temporalio import activity\n"),
            Change(DUNNING, 'undoing_refund_id(charge_id, "surplus", 1)', "uuid.uuid4().hex"),
        ],
        f"{STEPS}::test_a_surplus_is_given_back_under_one_name",
    ),
    Bug(
        "a surplus is looked for once",
        [Change(DUNNING, '"surplus": surplus, "wake_at": soon', '"surplus": surplus')],
        f"{STEPS}::test_a_surplus_is_looked_for_again_until_its_refund_is_written_down",
    ),
    Bug(
        "a try is begun without a lock",
        [
            Change(
                "billing/try_books.py",
                "    customer = await customers.known(connection, invoice.customer_id, lock=True)\n    invoice =",
                "    customer = await customers.known(connection, invoice.customer_id)\n    invoice =",
            )
        ],
        f"{TRIES}::test_two_that_begin_a_try_at_once_begin_one",
    ),
    Bug(
        "an end is carried out again",
        [
            Change(
                "billing/dunning_endings.py",
                "    if dunning.ended_at is not None:\n        return dunning\n    invoice = await invoice_books",
                "    invoice = await invoice_books",
            )
        ],
        f"{STEPS}::test_an_end_that_is_carried_out_again_changes_nothing",
    ),
    Bug(
        "access is told whenever it is looked at",
        [
            Change(
                "billing/access_books.py",
                "if is_passed or (last is not None and change.access is last.access):",
                "if is_passed:",
            )
        ],
        f"{STEPS}::test_access_that_is_told_again_is_told_once",
    ),
    Bug(
        "a notice is claimed for good only after it was sent",
        [Change("activities/notices.py", CLAIMED, SENT_FIRST)],
        f"{NOTICES}::test_a_worker_killed_between_claim_and_send_loses_it_and_that_shows",
    ),
    Bug(
        "a notice that is claimed is taken for settled",
        [Change("activities/notices.py", "settled.outcome is Outcome.UNDER_WAY:", "settled.outcome is None:")],
        f"{NOTICES}::test_a_worker_killed_between_claim_and_send_loses_it_and_that_shows",
    ),
    Bug(
        "the tries of an invoice are read again after what they took was applied",
        [
            Change(
                "activities/subscription_books.py",
                "await _first_try(connection, invoice, made, moment)",
                "await _first_try(connection, invoice, await try_books.of_invoice(connection, invoice_id), moment)",
            )
        ],
        f"{COLLECTIONS}::test_what_is_taken_while_the_invoice_is_looked_at_is_not_dunned",
    ),
    Bug(
        "wakes are gone before they are delivered",
        [
            Change(WAKER, TAKEN, "        delivered = await asyncio.gather(*(self._deliver(w) for w in taken))\n"),
            Change(
                WAKER,
                "            for error in delivered:\n                if error is not None:\n                    raise error\n",
                "        assert not any(delivered)\n",
            ),
        ],
        f"{WAKERS}::test_what_cannot_be_delivered_is_there_again",
    ),
    Bug(
        "wakes are delivered one after the other",
        [Change(WAKER, TAKEN, "            delivered = [await self._deliver(wake) for wake in taken]\n")],
        f"{WAKERS}::test_a_slow_temporal_does_not_keep_a_batch_from_its_end",
    ),
)
