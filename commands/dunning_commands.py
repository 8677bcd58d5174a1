"""`dunning retry`, `pause`, `resume` ...: what people say about the recovery of an invoice, each with who and why.

The process hears it and writes it down; whatever contradicts how the invoice stands is refused, and changes nothing.
"""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

from commands import billing_options, dunning_desk_options, options, output

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

OPTIONS = {"because": "--because", "by": "--by", "method": "--method", "policy": "POLICY", "until": "--until"}
"""What a field was typed as."""


def register(app: "typer.Typer") -> None:
    """Offer them."""
    app.command()(retry)
    app.command()(pause)
    app.command()(resume)
    app.command()(promise)
    app.command()(extend)
    app.command(name="give-up")(give_up)
    app.command()(move)
    app.command()(hold)
    app.command()(release)


def retry(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    method: dunning_desk_options.Method = None,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Try at once; none of the policy's tries is used up, and the networks' ceilings hold."""
    from commands import arguments

    if method is not None:
        arguments.identifier("--method", method)
    _tell("retry", invoice_id, because, by, timeout_seconds, as_json=as_json, more={"method": method})


def pause(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    until: dunning_desk_options.Until,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Try nothing, send nothing and take nothing away until a moment."""
    _tell("pause", invoice_id, because, by, timeout_seconds, as_json=as_json, more=_until(until))


def promise(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    until: dunning_desk_options.Until,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Write down that the customer promised to pay by a moment: nothing is tried before it."""
    _tell("promise", invoice_id, because, by, timeout_seconds, as_json=as_json, more=_until(until))


def extend(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    until: dunning_desk_options.Until,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Give it until a moment that is later than its deadline."""
    _tell("extend", invoice_id, because, by, timeout_seconds, as_json=as_json, more=_until(until))


def resume(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """End a pause or a promise."""
    _tell("resume", invoice_id, because, by, timeout_seconds, as_json=as_json)


def give_up(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Try nothing more, and carry out the end that the policy has."""
    _tell("give-up", invoice_id, because, by, timeout_seconds, as_json=as_json)


def move(
    invoice_id: dunning_desk_options.InvoiceId,
    policy: dunning_desk_options.PolicyName,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Let it go on by another policy of the worker's file."""
    _tell("move", invoice_id, because, by, timeout_seconds, as_json=as_json, more={"policy": policy})


def hold(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Stop for legal reasons, such as an insolvency: only `release` ends that."""
    _tell("hold", invoice_id, because, by, timeout_seconds, as_json=as_json)


def release(
    invoice_id: dunning_desk_options.InvoiceId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """End a hold for legal reasons."""
    _tell("release", invoice_id, because, by, timeout_seconds, as_json=as_json)


def _until(text: str) -> dict[str, object]:
    from commands import arguments

    return {"until": arguments.deadline("--until", text)}


def _tell(
    command: str,
    invoice_id: str,
    because: str,
    by: str | None,
    timeout_seconds: float,
    *,
    as_json: bool,
    more: "Mapping[str, object] | None" = None,
) -> None:
    from commands import arguments, billing_arguments, connections, dunning_process, dunning_sheet

    arguments.identifier("INVOICE_ID", invoice_id)
    person = billing_arguments.actor(by).removeprefix("person:")
    content = {"by": person, "because": billing_arguments.because(because), **(more or {})}
    update, kind = dunning_process.UPDATES[command]
    word = arguments.checked(kind, content, OPTIONS)
    found = connections.run(lambda settings: dunning_process.tell(settings, invoice_id, update, word, timeout_seconds))
    if as_json:
        output.document(found.plain())
    else:
        output.line(dunning_sheet.sentence(found))
