"""A gateway that contradicts itself: an operation is answered as if it had failed, and succeeds some time later.

By the simulator's clock, under the same key, with its effect in the truth log and its events.
"""

import base64
from dataclasses import asdict

from simulators.faults import Fault
from simulators.gateway import Answer, Call, Gateway
from simulators.store import Document, Transaction

JOB = "late_success"


class LateSuccesses:
    """What was refused and will be done all the same."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        gateway.simulator.agenda.on(JOB, self._succeed)

    def refuse(self, transaction: Transaction, call: Call, fault: Fault) -> Answer | None:
        """Plan to do it after the fault's `delay_seconds`; returns what the caller is told now, None for no answer."""
        details = {**asdict(call), "headers": dict(call.headers), "body": base64.b64encode(call.body).decode()}
        due = transaction.now + int(fault.delay_seconds)
        self._gateway.simulator.agenda.add(transaction, due, JOB, details)
        match fault.told:
            case "declined":
                return self._gateway.decline(transaction, call)
            case "status":
                return self._gateway.failure(call, fault.status)
            case _:
                return None

    def _succeed(self, transaction: Transaction, details: Document) -> None:
        call = Call(**{**details, "body": base64.b64decode(details["body"])})
        self._gateway.succeed_late(transaction, call)
