"""Bugs of the way from a gateway's event to the process that it concerns, each with the test that must see it."""

from tests.faults.planted import Bug, Change

LIVES = "tests/simulation/test_webhooks.py"
RECEIVER = "tests/faults/test_receiver_restarts.py"
WEBHOOK_RACES = "tests/faults/test_webhook_races.py"
VERDICTS = "workflows/event_verdicts.py"

OF_WEBHOOKS = (
    Bug(
        "an event is taken for the end of a wait",
        [
            Change(
                "workflows/charge_attempts.py",
                """            lambda: charge.was_hinted() or charge.has_unnoted_wish(),
        )
        if not isinstance(found, Woken):
            return found
""",
                """            lambda: charge.was_hinted() or charge.has_unnoted_wish(),
        )
        return None if isinstance(found, Woken) else found
""",
            )
        ],
        f"{LIVES}::test_lost_late_and_copied_events_change_nothing",
    ),
    Bug(
        "an event about what is decided is put aside",
        [Change(VERDICTS, "    return Known(operation) if", "    return Known(operation) if operation.is_decided or")],
        f"{LIVES}::test_what_an_event_tells_is_in_the_books_within_a_minute",
    ),
    Bug(
        "what is reported while nobody can read waits for the next look",
        [Change("workflows/asking.py", "for minutes in (1, 2, 4, 8, 16, 32, 60, 60))", "for minutes in ())")],
        "tests/simulation/test_found.py",
    ),
    Bug(
        "a late success waits until its charge has ended",
        [Change(VERDICTS, "return said_no or operation.excess or operation.compensates is not None", "return False")],
        f"{LIVES}::test_what_an_event_tells_is_in_the_books_within_a_minute",
    ),
    Bug(
        "an event about a refund is told to the charge",
        [Change("workflows/telling.py", "if refund_id is None else", "if True else")],
        "tests/faults/test_webhook_orders.py",
    ),
    Bug(
        "an event whose answer is on its way is told at once",
        [Change(VERDICTS, "ASKING_TAKES = timedelta(seconds=10)", "ASKING_TAKES = timedelta(seconds=0)")],
        f"{WEBHOOK_RACES}::test_an_event_that_is_handled_before_the_answer_comes[late-put_off-capture-stripe]",
    ),
    Bug(
        "every event is news",
        [Change(VERDICTS, "return Known(operation) if _is_known(event, known) else news", "return news")],
        f"{WEBHOOK_RACES}::test_an_event_that_comes_after_the_answer[capture-paypal]",
    ),
    Bug(
        "a delivery is answered before it is kept",
        [
            Change(
                "api/webhooks.py",
                "from collections import Counter\n",
                "import asyncio\nfrom collections import Counter\n",
            ),
            Change(
                "api/webhooks.py",
                "            is_new = await self._keep(gateway, admitted, body)\n",
                "            self._keeping = asyncio.create_task(self._keep(gateway, admitted, body))\n"
                "            is_new = True\n",
            ),
        ],
        f"{RECEIVER}::test_a_receiver_that_dies_between_store_and_answer_loses_nothing[storing]",
    ),
    Bug(
        "a delivery whose signature is no signature is let in",
        [
            Change(
                "gateways/webhooks/stripe_signature.py",
                'raise DeliveryRefused("its signature is of another',
                'return signatures[0]\n    raise DeliveryRefused("its signature is of another',
            )
        ],
        "tests/api/test_webhooks.py::test_of_some_hundred_forged_and_altered_deliveries_none_is_kept[stripe]",
    ),
)
