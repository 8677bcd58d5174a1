"""`holds`: set money of an account aside for a while, take it in full or in part, or let it go."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import uuid
from typing import TYPE_CHECKING

import typer

from commands import options, output, standing_options
from commands.errors import AnswerIsNo

if TYPE_CHECKING:
    from commands.hold_documents import HoldDocument

app = typer.Typer(help="Money of an account that is promised elsewhere: hold it, take it, let it go.")


@app.command()
def place(
    *,
    account: standing_options.HeldAccount,
    amount: options.Amount,
    currency: options.Currency,
    until: standing_options.Until,
    by: standing_options.Person,
    because: standing_options.Because,
    hold_id: standing_options.NewHoldId = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Set an amount aside until it is posted or voided, or until it expires; refused where less is available."""
    from commands import arguments, connections, hold_process, standing_arguments
    from ledger.holds import HoldRequest

    name = hold_id or f"h_{uuid.uuid4().hex}"
    content = {
        "hold_id": name,
        "account": standing_arguments.account_code("--account", account),
        "amount": arguments.money(amount, currency),
        "expires_at": arguments.deadline("--until", until),
        "because": standing_arguments.reason(because),
        "actor": standing_arguments.person(by),
    }
    arguments.identifier("--id", name)
    request = arguments.checked(HoldRequest, content)
    try:
        found = connections.run(lambda settings: hold_process.place(settings, request, timeout_seconds))
    except KeyboardInterrupt:
        output.notice(f"if it was started, it goes on by itself: look with `holds show {name}`")
        raise
    _answer(found, as_json=as_json)


@app.command()
def post(
    hold_id: standing_options.HoldId,
    *,
    to: standing_options.PostedTo,
    by: standing_options.Person,
    because: standing_options.Because,
    amount: standing_options.PostedAmount = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Take what is held, or a part of it, for another account; the rest is available again."""
    from commands import arguments, connections, hold_process, standing_arguments
    from settings import Settings
    from workflows.hold_messages import PostHold

    arguments.identifier("HOLD_ID", hold_id)
    code = standing_arguments.account_code("--to", to)
    said = {"because": standing_arguments.reason(because), "actor": standing_arguments.person(by)}

    async def posted(settings: Settings) -> "HoldDocument":
        hold = await hold_process.known(settings, hold_id)
        minor = None if amount is None else arguments.money(amount, hold.currency).amount_minor
        command = arguments.checked(PostHold, {"amount_minor": minor, "to": code, **said})
        return await hold_process.post(settings, hold_id, command, timeout_seconds)

    _answer(connections.run(posted), as_json=as_json)


@app.command()
def void(
    hold_id: standing_options.HoldId,
    *,
    by: standing_options.Person,
    because: standing_options.Because,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Let go of what is held: all of it is available again."""
    from commands import arguments, connections, hold_process, standing_arguments
    from workflows.hold_messages import VoidHold

    arguments.identifier("HOLD_ID", hold_id)
    command = VoidHold(because=standing_arguments.reason(because), actor=standing_arguments.person(by))
    _answer(
        connections.run(lambda settings: hold_process.void(settings, hold_id, command, timeout_seconds)),
        as_json=as_json,
    )


@app.command(name="list")
def list_holds(
    *,
    account: standing_options.HeldAccountFilter = None,
    state: standing_options.HoldStateFilter = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List holds, the last placed first."""
    from commands import connections, hold_process, standing_arguments

    wanted = standing_arguments.hold_state(state)
    code = None if account is None else standing_arguments.account_code("--account", account)
    found = connections.run(lambda settings: hold_process.listed(settings, code, wanted, limit))
    if as_json:
        output.document({"holds": [hold.plain() for hold in found]})
    elif found:
        columns = ("hold", "status", "account", "amount", "posted", "expires", "because")
        output.table(columns, [_row(hold) for hold in found], numbers=("amount", "posted"))
    else:
        output.line("there is no such hold")


@app.command()
def show(hold_id: standing_options.HoldId, *, as_json: options.AsJson = False) -> None:
    """Show a hold: of what, until when, why, and how it ended."""
    from commands import arguments, connections, hold_process

    arguments.identifier("HOLD_ID", hold_id)
    found = connections.run(lambda settings: hold_process.whole(settings, hold_id))
    if as_json:
        return output.document(found.plain())
    output.line(_sentence(found))
    placed = f"{found.placed_at:%Y-%m-%d %H:%M:%S} by {found.placed_by}: {found.because}"
    further = {"placed": placed, "expires": f"{found.expires_at:%Y-%m-%d %H:%M:%S}"}
    if found.ended_at is not None:
        further["ended"] = f"{found.ended_at:%Y-%m-%d %H:%M:%S} by {found.ended_by}: {found.ended_because}"
    further |= {"entry": found.entry_reference or "", "Web UI": found.web_ui}
    for name, value in further.items():
        if value:
            output.line(f"  {name:<10} {value}")
    return None


def _answer(found: "HoldDocument", *, as_json: bool) -> None:
    """Print where the hold stands; raises where it was refused."""
    if as_json:
        output.document(found.plain())
    if found.status == "refused":
        raise AnswerIsNo(found.ended_because or _sentence(found))
    return None if as_json else output.line(_sentence(found))


def _sentence(hold: "HoldDocument") -> str:
    from commands.standing_arguments import shown

    amount = shown(hold.amount_minor, hold.currency)
    if hold.status == "pending":
        return f"hold {hold.hold_id} is pending: {amount} of {hold.account} until {hold.expires_at:%Y-%m-%d %H:%M} UTC"
    taken = f", {shown(hold.posted_minor, hold.currency)} taken" if hold.posted_minor else ""
    return f"hold {hold.hold_id} is {hold.status}: {amount} of {hold.account}{taken}"


def _row(hold: "HoldDocument") -> tuple[str, ...]:
    from commands.standing_arguments import shown

    amounts = (shown(hold.amount_minor, hold.currency), shown(hold.posted_minor, hold.currency))
    return hold.hold_id, hold.status, hold.account, *amounts, f"{hold.expires_at:%Y-%m-%d %H:%M}", hold.because or ""
