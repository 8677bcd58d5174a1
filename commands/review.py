"""`review`: what waits for a person, what is known of it, and how a person settles it."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import typer

from commands import options, output

app = typer.Typer(help="What waits for a person: list it, look at it, settle it.")


@app.command(name="list")
def list_reviews(
    *, resolved: options.Resolved = False, limit: options.Limit = 50, as_json: options.AsJson = False
) -> None:
    """List what waits for a person, longest first."""
    from commands import connections, review_rows, review_sheet

    found = connections.run(lambda settings: review_rows.listed(settings, resolved=resolved, limit=limit))
    if as_json:
        output.document({"reviews": [review.plain() for review in found]})
    elif found:
        review_sheet.show_list(found)
    else:
        output.line("nothing was resolved yet" if resolved else "nothing waits for a person")


@app.command()
def show(charge_id: options.ChargeId, *, as_json: options.AsJson = False) -> None:
    """Show the reviews of a charge and of its refunds: reason, evidence, and what each choice would do."""
    from commands import arguments, connections, review_rows, review_sheet

    arguments.identifier("CHARGE_ID", charge_id)
    found = connections.run(lambda settings: review_rows.of_charge(settings, charge_id))
    if as_json:
        output.document({"charge_id": charge_id, "reviews": [review.plain() for review in found]})
    else:
        review_sheet.show(found)


@app.command()
def resolve(
    charge_id: options.ChargeId,
    *,
    resolve_as: options.ResolveAs,
    because: options.Because,
    by: options.By,
    refund_id: options.RefundFilter = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Say what became of the operation in review; the gateway is read first, and its word is worth more."""
    from commands import arguments, connections, review_process, review_sheet
    from workflows.review_messages import ResolveReview

    arguments.identifier("CHARGE_ID", charge_id)
    if refund_id is not None:
        arguments.identifier("--refund", refund_id)
    word = arguments.checked(ResolveReview, {"as_": resolve_as, "because": because, "by": by})
    found = connections.run(
        lambda settings: review_process.resolve(settings, charge_id, refund_id, word, timeout_seconds)
    )
    if as_json:
        output.document(found.plain())
    else:
        told = f"resolved as {found.resolution} by {found.resolved_by}"
        output.line(f"{review_sheet.subject(found)}: {told}; look at it with `status {charge_id}`")
