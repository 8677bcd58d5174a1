"""`charge`, `capture`, `void`, `status` and `charges`: what people and scripts ask of charges, and how the answer is told."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import uuid
from typing import TYPE_CHECKING

from commands import options, output, presence_options
from commands.errors import AnswerIsNo, OutOfReach

if TYPE_CHECKING:
    from commands.charge_documents import ChargeDocument
    from ledger.charges import ChargeRequest

HELD = {"authorized", "captured", "partially_captured", "disputed"}
CAPTURED = {"captured", "partially_captured", "disputed"}
RELEASED = {"voided", "expired"}
UNDONE = {"canceled", "voided", "refunded", "declined", "expired", "reversed"}
REFUSED = {"declined", "authorized", "voided", "expired", "refunded", "canceled", "reversed"}
"""Where a charge stands after an answer that is no; what is in none of these sets is not known yet."""


def charge(
    *,
    amount: options.Amount,
    currency: options.Currency,
    customer: options.Customer,
    payment_method: options.PaymentMethods,
    capture: options.CaptureMode = "automatic",
    at_expiry: options.AtExpiry = "void",
    gateway: options.PreferredGateway = None,
    charge_id: options.NewChargeId = None,
    invoice: options.Invoice = None,
    metadata: options.Metadata = None,
    customer_country: options.CustomerCountry = None,
    confirm_by: options.ConfirmBy = None,
    customer_not_present: presence_options.CustomerNotPresent = False,
    mandate: presence_options.Mandate = None,
    detach: options.Detach = False,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Collect an amount from a customer, and wait until that is decided."""
    from commands import arguments, connections, gateway_choice

    settings = connections.load_settings()
    request = arguments.charge_request(
        charge_id=charge_id or f"ch_{uuid.uuid4().hex}",
        amount=amount,
        currency=currency,
        customer=customer,
        payment_methods=payment_method,
        gateways=gateway_choice.names(settings),
        gateway=gateway,
        metadata=metadata or [],
        capture=capture,
        at_expiry=at_expiry,
        invoice=invoice,
        customer_country=customer_country,
        confirm_by=confirm_by,
        customer_present=not customer_not_present,
        mandate=mandate,
    )
    gateway_choice.require_one(settings, request)
    if detach:
        _start(request, as_json=as_json)
    else:
        _collect(request, timeout_seconds, as_json=as_json)


def capture(
    charge_id: options.ChargeId,
    *,
    amount: options.PartAmount = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Take an authorized amount, or a part of it; the rest is released."""
    from commands import arguments, charge_process, connections
    from ledger.charges import Charge
    from workflows.charge_commands import CaptureCommand

    def command(charge: Charge) -> CaptureCommand:
        taken = None if amount is None else arguments.money(amount, charge.currency).amount_minor
        return CaptureCommand(amount_minor=taken, actor=arguments.actor())

    arguments.identifier("CHARGE_ID", charge_id)
    found = connections.run(lambda settings: charge_process.capture(settings, charge_id, command, timeout_seconds))
    _answer(found, CAPTURED, "the capture was not made: ", as_json=as_json)


def void(
    charge_id: options.ChargeId,
    *,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Release an authorization that was not captured."""
    from commands import arguments, charge_process, connections
    from workflows.charge_commands import VoidCommand

    arguments.identifier("CHARGE_ID", charge_id)
    command = VoidCommand(actor=arguments.actor())
    found = connections.run(lambda settings: charge_process.void(settings, charge_id, command, timeout_seconds))
    _answer(found, RELEASED, "the void was not made: ", as_json=as_json)


def cancel(
    charge_id: options.ChargeId,
    *,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Call a charge off, wherever it stands: what was reserved is released, what was taken is given back."""
    from commands import arguments, charge_process, connections
    from workflows.charge_commands import CancelCommand

    arguments.identifier("CHARGE_ID", charge_id)
    command = CancelCommand(actor=arguments.actor())
    found = connections.run(lambda settings: charge_process.cancel(settings, charge_id, command, timeout_seconds))
    _answer(found, UNDONE, "the charge was not canceled: ", as_json=as_json)


def confirm(
    charge_id: options.ChargeId,
    *,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Stand by a charge that has to be confirmed, so that it is not undone at its deadline."""
    from commands import arguments, charge_process, connections
    from workflows.charge_commands import ConfirmCommand

    arguments.identifier("CHARGE_ID", charge_id)
    command = ConfirmCommand(actor=arguments.actor())
    found = connections.run(lambda settings: charge_process.confirm(settings, charge_id, command, timeout_seconds))
    _answer(found, HELD, "the charge was not confirmed: ", as_json=as_json)


def complete_action(
    charge_id: options.ChargeId,
    *,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Ask the gateway at once whether the customer has authenticated, instead of at the next look."""
    from commands import arguments, charge_process, connections
    from workflows.charge_commands import CompleteAction

    arguments.identifier("CHARGE_ID", charge_id)
    command = CompleteAction(actor=arguments.actor())
    found = connections.run(
        lambda settings: charge_process.complete_action(settings, charge_id, command, timeout_seconds)
    )
    _answer(found, HELD, as_json=as_json)


def reconcile(charge_id: options.ChargeId, *, as_json: options.AsJson = False) -> None:
    """Have the gateways read again for what happened to a charge after it had ended: it is booked, and undone where in excess."""
    from commands import arguments, charge_process, connections

    arguments.identifier("CHARGE_ID", charge_id)
    actor = arguments.actor()
    started = connections.run(lambda settings: charge_process.reconcile(settings, charge_id, actor))
    if as_json:
        output.document(started.plain())
    else:
        output.line(
            f"later facts of {charge_id} are being looked for; watch it at {started.web_ui}, then see `status {charge_id}`"
        )


def status(charge_id: options.ChargeId, *, as_json: options.AsJson = False) -> None:
    """Show everything that happened to a charge: attempts, operations, gateway objects, journal entries."""
    from commands import arguments, charge_process, connections, timeline

    arguments.identifier("CHARGE_ID", charge_id)
    found = connections.run(lambda settings: charge_process.status(settings, charge_id))
    if as_json:
        output.document(found.plain())
    else:
        timeline.show(found)


def charges(
    *,
    status: options.StatusFilter = None,
    customer: options.CustomerFilter = None,
    since: options.Since = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List charges, newest first."""
    from commands import arguments, charge_rows, connections, timeline

    wanted, begin = arguments.charge_status(status), arguments.point_in_time("--since", since)
    found = connections.run(
        lambda settings: charge_rows.listed(settings, status=wanted, customer=customer, since=begin, limit=limit)
    )
    if as_json:
        output.document({"charges": [charge.plain() for charge in found]})
    else:
        timeline.show_list(found)


def _start(request: "ChargeRequest", *, as_json: bool) -> None:
    from commands import charge_process, connections

    started = connections.run(lambda settings: charge_process.start(settings, request))
    if as_json:
        output.document(started.plain())
    else:
        output.line(f"{started.charge_id} started; watch it at {started.web_ui}")


def _collect(request: "ChargeRequest", timeout_seconds: float, *, as_json: bool) -> None:
    from commands import charge_process, connections

    patience = charge_process.Patience(
        timeout_seconds, on_action=lambda url: output.notice(f"the customer has to authenticate at {url}")
    )
    try:
        found = connections.run(lambda settings: charge_process.collect(settings, request, patience))
    except KeyboardInterrupt:
        output.notice(f"if it was started, it goes on by itself: look with `status {request.charge_id}`")
        raise
    _answer(found, HELD, as_json=as_json)


def _answer(found: "ChargeDocument", done: set[str], otherwise: str = "", *, as_json: bool) -> None:
    """Print where the charge stands; raises where that is not what the command was for."""
    if as_json:
        output.document(found.plain())
    said = _sentence(found)
    if found.status in done:
        return None if as_json else output.line(said)
    if found.decline_code == "gateway_unreachable":
        raise OutOfReach(f"{said}; nothing was sent, so try again under another id once {found.gateway} answers")
    if found.status in REFUSED:
        raise AnswerIsNo(otherwise + said)
    raise OutOfReach(f"{said}; look with `status {found.charge_id}`")


def _sentence(found: "ChargeDocument") -> str:
    from ledger.money import Money

    def money(amount_minor: int) -> Money:
        return Money(amount_minor=amount_minor, currency=found.currency)

    amount = str(money(found.amount_minor))
    if found.status == "partially_captured":
        amount = f"{money(found.captured_minor)} of {money(found.authorized_minor)}"
    why = ": ".join(text for text in (found.decline_code, found.message) if text)
    said = f"charge {found.charge_id} is {found.status.replace('_', ' ')}: {amount} at {found.gateway}"
    return f"{said}: {why}" if why else said
