"""The gateway simulators as processes, and their control interface for tests and the demo: faults, clock, truth.

Knows of a simulator only its command line and its HTTP interface; imports nothing of it.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from local import process
from local.errors import LocalError
from local.ports import LOOPBACK, require_free

START_SECONDS = 30.0
ANSWER_SECONDS = 10.0


class Simulator:
    """A gateway simulator that runs somewhere, spoken to through its control interface."""

    def __init__(self, url: str) -> None:
        """`url` is its address, as the adapter's settings have it."""
        self.url = url

    def truth(self) -> dict[str, Any]:
        """Everything that really happened: `effects` and `requests`, oldest first."""
        return self._control("GET", "truth")

    def reset(self) -> None:
        """Make it forget everything, faults and clock included."""
        self._control("POST", "reset")

    def add_fault(self, **fault: Any) -> int:
        """Let matching requests go wrong: method, path, when, action, times, ...; returns the fault's number."""
        number: int = self._control("POST", "faults", fault)["fault_id"]
        return number

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._control("DELETE", "faults")

    def now(self) -> int:
        """Its clock, in Unix seconds."""
        now: int = self._control("GET", "clock")["now"]
        return now

    def advance_clock(self, seconds: float) -> int:
        """Move its clock forward; what is due by then happens. Returns the new time in Unix seconds."""
        now: int = self._control("POST", "clock", {"advance_seconds": seconds})["now"]
        return now

    def configure(self, **settings: Any) -> dict[str, Any]:
        """Change its settings, such as `webhooks`; returns all of them."""
        return self._control("POST", "settings", settings)

    def complete_authentication(self, payment_id: str, result: str = "succeed") -> dict[str, Any]:
        """Be the customer who passes (`succeed`) or fails (`fail`) the authentication step of a payment."""
        return self._control("POST", f"authentications/{payment_id}", {"result": result})

    def complete_setup(self, setup_id: str, given: str | None = None) -> str | None:
        """Be the customer who gives this payment method on the hosted page, or who goes back.

        Returns where their browser is sent; None where the method was declined, so that they are asked again.
        """
        back: str | None = self._control("POST", f"setups/{setup_id}", {"given": given})["return_url"]
        return back

    def webhooks(self) -> list[dict[str, Any]]:
        """Its events, oldest first: `event_id`, `type`, and how many deliveries are `waiting` to be made."""
        events: list[dict[str, Any]] = self._control("GET", "webhooks")["events"]
        return events

    def deliver_webhook(self, event_id: str, times: int = 1, *, at_once: bool = False) -> list[int | None]:
        """Deliver an event by hand, so many copies; returns each copy's HTTP status, None where nobody answered."""
        asked = {"times": times, "at_once": at_once}
        statuses: list[int | None] = self._control("POST", f"webhooks/{event_id}", asked)["statuses"]
        return statuses

    def discard_webhook(self, event_id: str) -> None:
        """Lose an event on its way."""
        self._control("DELETE", f"webhooks/{event_id}")

    def reverse(self, payment_id: str, amount_minor: int | None = None) -> str:
        """Let the gateway take a captured payment back by itself, or a part of it; returns the id of what that made."""
        made: str = self._control("POST", f"reversals/{payment_id}", {"amount_minor": amount_minor})["object_id"]
        return made

    def dispute(self, payment_id: str, amount_minor: int | None = None) -> str:
        """Let the customer contest a captured payment, or a part of it; returns the dispute's id."""
        made: str = self._control("POST", f"disputes/{payment_id}", {"amount_minor": amount_minor})["object_id"]
        return made

    def win_dispute(self, dispute_id: str) -> None:
        """Decide a dispute for the merchant: the money comes back."""
        self._control("POST", f"disputes/{dispute_id}/won")

    def lose_dispute(self, dispute_id: str, returned_minor: int | None = None) -> None:
        """Decide a dispute for the customer; a part of the money may come back all the same."""
        self._control("POST", f"disputes/{dispute_id}/lost", {"returned_minor": returned_minor})

    def refund_by_hand(self, payment_id: str, amount_minor: int | None = None) -> str:
        """Refund a captured payment, or a part of it, as a person does at the gateway's site; returns the refund's id."""
        made: str = self._control("POST", f"refunds/{payment_id}", {"amount_minor": amount_minor})["object_id"]
        return made

    def make_card(self, token: str, **card: Any) -> None:
        """Make a payment method with this token, or change the one that there is: brand, expires, answers, ..."""
        self._control("POST", f"cards/{token}", card)

    def remove_card(self, token: str) -> None:
        """Let the gateway keep a payment method no more, as when its customer takes it away there."""
        self._control("DELETE", f"cards/{token}")

    def is_healthy(self) -> bool:
        """Whether it is ready."""
        try:
            return bool(self._control("GET", "health").get("status") == "ok")
        except LocalError:
            return False

    def _control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 # the address is ours
            f"{self.url}/_control/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # No proxy of the environment stands between us and this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=ANSWER_SECONDS) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            with error:
                told = error.read().decode(errors="replace")[:500]
            raise LocalError(f"the simulator at {self.url} refused {method} {path} ({error.code}): {told}") from error
        except OSError as error:
            raise LocalError(f"the simulator at {self.url} does not answer: {error}") from error
        answer: dict[str, Any] = json.loads(content) if content.strip() else {}
        return answer


class SimulatorProcess(Simulator, process.Part):
    """A simulator that we started."""

    def __init__(self, running: process.Process, port: int) -> None:
        """Use `start`."""
        Simulator.__init__(self, f"http://{LOOPBACK}:{port}")
        process.Part.__init__(self, running, port)


def start_stripe(
    port: int,
    *,
    state: Path,
    log: Path,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    port_variable: str | None = None,
) -> SimulatorProcess:
    """Start Stripe's simulator; returns when it answers."""
    options = {"--webhook-url": webhook_url, "--webhook-secret": webhook_secret}
    return _start(
        "Stripe simulator",
        port,
        module="simulators.stripe",
        state=state,
        log=log,
        options=options,
        port_variable=port_variable,
    )


def start_paypal(
    port: int,
    *,
    state: Path,
    log: Path,
    webhook_url: str | None = None,
    webhook_id: str | None = None,
    port_variable: str | None = None,
) -> SimulatorProcess:
    """Start PayPal's simulator; returns when it answers."""
    options = {"--webhook-url": webhook_url, "--webhook-id": webhook_id}
    return _start(
        "PayPal simulator",
        port,
        module="simulators.paypal",
        state=state,
        log=log,
        options=options,
        port_variable=port_variable,
    )


def paypal_root(state: Path) -> Path:
    """Where PayPal's simulator, once it has started with a webhook address, keeps the root that vouches for its events."""
    return state.with_name(f"{state.name}.root.pem")


def _start(
    name: str,
    port: int,
    *,
    module: str,
    state: Path,
    log: Path,
    options: dict[str, str | None],
    port_variable: str | None,
) -> SimulatorProcess:
    require_free(name, port, port_variable)
    state.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, "--port", str(port), "--state", str(state.absolute())]
    for option, value in options.items():
        if value is not None:
            command += [option, value]
    running = process.start(name, command, log=log)
    simulator = SimulatorProcess(running, port)
    running.wait_healthy(simulator.is_healthy, START_SECONDS)
    return simulator
