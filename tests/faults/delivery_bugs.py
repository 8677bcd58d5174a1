"""The planted bugs of deliveries and what they claim: each lets in, believes, repeats or loses what it must not."""

from tests.faults.planted import Bug, Change

SIGNATURES = "gateways/webhooks"
TESTS = "tests/gateways/webhooks"
ALTERED = f"{TESTS}/test_altered_deliveries.py"
INBOX = "tests/ledger/test_inbox.py"
AS_JSON = "json.dumps(json.loads(body))"

OF_DELIVERIES = (
    Bug(
        "a webhook is let in by whoever signed it",
        [
            Change(
                f"{SIGNATURES}/stripe_signature.py",
                '    raise DeliveryRefused("its signature is of another secret or of another body")\n',
                "    return expected\n",
            )
        ],
        f"{ALTERED}::test_stripe",
    ),
    Bug(
        "what a webhook claims is believed",
        [
            Change(
                "workflows/charge.py",
                '        """Something happened at the gateway: read it again now instead of later."""\n',
                '        """Something happened at the gateway: it has been paid."""\n'
                '        self._charge.view = self._view.model_copy(update={"status": ChargeStatus.CAPTURED})\n',
            )
        ],
        "tests/workflows/test_inbox_handler.py::test_what_an_event_claims_is_not_believed",
    ),
    Bug(
        "the signature is checked over a body that was read and written again",
        [
            Change(f"{SIGNATURES}/stripe_signature.py", "import hmac\n", "import hmac\nimport json\n"),
            Change(
                f"{SIGNATURES}/stripe_signature.py",
                'f"{time}.".encode() + body',
                f'f"{{time}}.{{{AS_JSON}}}".encode()',
            ),
        ],
        f"{TESTS}/test_stripe_signature.py::test_what_the_sdk_signs_is_let_in",
    ),
    Bug(
        "a checksum is taken of a body that was read and written again",
        [
            Change(f"{SIGNATURES}/paypal_signature.py", "import binascii\n", "import binascii\nimport json\n"),
            Change(
                f"{SIGNATURES}/paypal_signature.py",
                "zlib.crc32(body)",
                "zlib.crc32(json.dumps(json.loads(body), separators=(',', ':')).encode())",
            ),
        ],
        f"{ALTERED}::test_paypal",
    ),
    Bug(
        "a webhook may be dated ahead",
        [Change(f"{SIGNATURES}/freshness.py", "    if age < -window_seconds:\n", "    if False:\n")],
        f"{TESTS}/test_stripe_signature.py::test_what_is_not_of_now_is_refused",
    ),
    Bug(
        "a certificate is fetched from any host",
        [
            Change(
                f"{SIGNATURES}/paypal_certificates.py",
                "if address is None or address[1] not in self._origins:",
                "if address is None:",
            )
        ],
        f"{TESTS}/test_paypal_signature.py::test_an_address_that_is_not_paypals_is_refused",
    ),
    Bug(
        "a copy of a webhook counts as a new one",
        [Change("ledger/inbox.py", "deliveries = 1 AND came_by = 'delivery' AS is_new", "true AS is_new")],
        f"{INBOX}::test_fifty_transmissions_of_one_event_are_one_event",
    ),
    Bug(
        "a copy of a webhook is handled again",
        [
            Change(
                "ledger/inbox.py",
                "SET deliveries = webhook_events.deliveries + 1\n",
                "SET deliveries = webhook_events.deliveries + 1,\n"
                "    state = 'received', handled_at = NULL, next_try_at = clock_timestamp()\n",
            )
        ],
        f"{INBOX}::test_copies_of_what_was_handled_are_not_handled_again",
    ),
    Bug(
        "one signature stands for any body of its checksum",
        [Change("ledger/inbox.py", '        transmissions.c.body_hash == bindparam("new_body_hash"),\n', "")],
        f"{INBOX}::test_a_transmission_stands_for_one_body",
    ),
    Bug(
        "a webhook is answered before it is kept",
        [
            Change(
                "api/webhooks.py",
                "from collections import Counter\n",
                "import asyncio\nfrom collections import Counter\n",
            ),
            Change(
                "api/webhooks.py",
                "            is_new = await self._keep(gateway, admitted, body)\n",
                "            is_new = bool(asyncio.create_task(self._keep(gateway, admitted, body)))\n",
            ),
        ],
        "tests/api/test_outages.py::test_while_postgresql_is_away_nothing_is_acknowledged",
    ),
)
