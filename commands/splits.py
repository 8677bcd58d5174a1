"""`split`: one charge over several payment methods in legs, all or nothing: start it, look at it, call it off, give it back."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import uuid
from typing import TYPE_CHECKING

import typer

from commands import options, output
from commands.errors import AnswerIsNo, OutOfReach

if TYPE_CHECKING:
    from commands.split_documents import SplitDocument, SplitRefundDocument
    from ledger.splits import SplitRequest

ACCEPTED = {"succeeded", "pending"}
REFUSED = {"failed", "refused"}

app = typer.Typer(help="One charge over several payment methods, all of it or nothing.")


@app.command()
def start(
    *,
    leg: options.Legs,
    currency: options.Currency,
    customer: options.Customer,
    split_id: options.NewSplitId = None,
    invoice: options.Invoice = None,
    metadata: options.Metadata = None,
    customer_country: options.CustomerCountry = None,
    detach: options.Detach = False,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Collect an amount over several payment methods, and wait until all of it is taken, or nothing."""
    from commands import connections, gateway_choice, split_arguments

    settings = connections.load_settings()
    request = split_arguments.split_request(
        split_id=split_id or f"sp_{uuid.uuid4().hex}",
        legs=leg,
        currency=currency,
        customer=customer,
        gateways=gateway_choice.names(settings),
        metadata=metadata or [],
        invoice=invoice,
        customer_country=customer_country,
    )
    for charge in request.charges:
        gateway_choice.require_one(settings, charge)
    if detach:
        _start(request, as_json=as_json)
    else:
        _collect(request, timeout_seconds, as_json=as_json)


@app.command()
def status(split_id: options.SplitId, *, as_json: options.AsJson = False) -> None:
    """Show a split: where it stands, and where each of its legs does."""
    from commands import arguments, connections, split_rows, split_sheet

    arguments.identifier("SPLIT_ID", split_id)
    found = connections.run(lambda settings: split_rows.whole(settings, split_id))
    if as_json:
        output.document(found.plain())
    else:
        split_sheet.show(found)


@app.command()
def cancel(
    split_id: options.SplitId,
    *,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Call a split off, wherever it stands: its legs are released or given back, the last one first."""
    from commands import arguments, connections, split_process
    from workflows.charge_commands import CancelCommand

    arguments.identifier("SPLIT_ID", split_id)
    command = CancelCommand(actor=arguments.actor())
    found = connections.run(lambda settings: split_process.cancel(settings, split_id, command, timeout_seconds))
    _answer(found, "undone", as_json=as_json)


@app.command()
def refund(
    split_id: options.SplitId,
    *,
    amount: options.PartAmount = None,
    reason: options.Reason = None,
    refund_id: options.NewRefundId = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Give back some or all of a split that was taken: refunds of its legs, the last one first."""
    from commands import arguments, connections, split_refund, split_rows
    from commands.errors import WrongUse
    from ledger.refunds import MAX_ID_LENGTH, RefundRequest
    from settings import Settings

    name = refund_id or f"re_{uuid.uuid4().hex}"
    arguments.identifier("SPLIT_ID", split_id)
    arguments.identifier("--id", name)
    if len(split_refund.part_id(name, 10)) > MAX_ID_LENGTH:
        raise WrongUse("--id: may have only letters, digits and _ . - and at most 61 of them")
    arguments.checked(
        RefundRequest, {"refund_id": name, "charge_id": split_id, "reason": reason, "actor": arguments.actor()}
    )

    async def refunded(settings: Settings) -> "SplitRefundDocument":
        split, _ = await split_rows.known(settings, split_id)
        money = None if amount is None else arguments.money(amount, split.currency)
        wanted = split_refund.Wanted(name, money, reason, arguments.actor())
        return await split_refund.refund(settings, split, wanted, timeout_seconds)

    try:
        found = connections.run(refunded)
    except KeyboardInterrupt:
        output.notice(f"what was started goes on by itself: ask again with `--id {name}`")
        raise
    _answer_refund(found, as_json=as_json)


def _start(request: "SplitRequest", *, as_json: bool) -> None:
    from commands import connections, split_process

    started = connections.run(lambda settings: split_process.start(settings, request))
    if as_json:
        output.document(started.plain())
    else:
        output.line(f"{started.split_id} started; watch it at {started.web_ui}")


def _collect(request: "SplitRequest", timeout_seconds: float, *, as_json: bool) -> None:
    from commands import charge_process, connections, split_process

    patience = charge_process.Patience(
        timeout_seconds, on_action=lambda url: output.notice(f"the customer has to authenticate at {url}")
    )
    try:
        found = connections.run(lambda settings: split_process.collect(settings, request, patience))
    except KeyboardInterrupt:
        output.notice(f"if it was started, it goes on by itself: look with `split status {request.split_id}`")
        raise
    _answer(found, "captured", as_json=as_json)


def _answer(found: "SplitDocument", done: str, *, as_json: bool) -> None:
    """Print where the split stands; raises where that is not what the command was for."""
    from commands import split_sheet

    if as_json:
        output.document(found.plain())
    said = split_sheet.sentence(found)
    if found.status == done:
        return None if as_json else output.line(said)
    if found.status in {"captured", "undone"}:
        raise AnswerIsNo(said)
    raise OutOfReach(f"{said}; look with `split status {found.split_id}`")


def _answer_refund(found: "SplitRefundDocument", *, as_json: bool) -> None:
    from commands import split_sheet

    if as_json:
        output.document(found.plain())
    said = split_sheet.refund_sentence(found)
    if found.status in ACCEPTED:
        return None if as_json else output.line(said)
    if found.status in REFUSED:
        raise AnswerIsNo(said)
    raise OutOfReach(f"{said}; look with `split status {found.split_id}`")
