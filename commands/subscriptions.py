"""`subscriptions`: who has which plan; start, cancel, pause, resume, another plan. Each change says who made it and why."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from commands import billing_options, options, output

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from billing.subscriptions import Subscription
    from commands.connections import Books
    from commands.subscription_documents import SubscriptionSheetDocument

app = typer.Typer(help="Subscriptions: start, cancel, pause, resume, and change the plan of one.")


@app.command()
def start(
    subscription_id: billing_options.SubscriptionId,
    *,
    customer: options.Customer,
    plan: billing_options.PlanOption,
    starts: billing_options.Starts = None,
    anchor: billing_options.Anchor = None,
    trial_days: billing_options.OwnTrialDays = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Subscribe a customer to a plan; the same id is the same subscription."""
    from billing import calendar, customers, subscription_books
    from billing.errors import UnknownId
    from billing.subscriptions import SubscriptionRequest
    from commands import billing_arguments

    now = datetime.now(UTC)
    content = {
        "subscription_id": subscription_id,
        "customer_id": customer,
        "plan_id": plan,
        "starts_on": billing_arguments.day("--starts", starts) or now.date(),
        "anchor": billing_arguments.day("--anchor", anchor),
        "trial_days": trial_days,
        "actor": billing_arguments.actor(by),
    }
    request = billing_arguments.checked(SubscriptionRequest, content, plan_id="--plan")

    async def begun(books: "Books") -> "Subscription":
        wanted = request
        if starts is None:
            # The day that was meant when it was first asked for, or else today where the customer is.
            try:
                day = (await subscription_books.known(books, subscription_id)).started_on
            except UnknownId:
                day = calendar.day_of(now, (await customers.known(books, customer)).time_zone)
            wanted = request.model_copy(update={"starts_on": day})
        return (await subscription_books.start(books, wanted))[0]

    _write(begun, as_json=as_json)


@app.command()
def show(subscription_id: billing_options.SubscriptionId, *, as_json: options.AsJson = False) -> None:
    """Show a subscription: its period, what follows it, and every change with who made it and why."""
    from billing import subscription_books
    from commands import arguments, billing_steps, subscription_documents

    arguments.identifier("SUBSCRIPTION_ID", subscription_id)

    async def whole(books: "Books") -> "SubscriptionSheetDocument":
        found = await subscription_books.known(books, subscription_id)
        changes = await subscription_books.changes_of(books, subscription_id)
        return subscription_documents.of_sheet(found, changes)

    found = billing_steps.read(whole)
    if as_json:
        return output.document(found.plain())
    output.line(
        f"subscription {found.subscription_id} is {found.state}: plan {found.plan_id} version {found.plan_version}, "
        f"customer {found.customer_id}"
    )
    further = {
        "period": f"{found.period_serial}, {found.period_begins} to {found.period_ends}, {found.time_zone}",
        "anchor": str(found.anchor),
        "trial": f"until {found.trial_ends_on}" if found.trial_ends_on else "",
        "ends": "with this period" if found.cancel_at_period_end else "",
        "paused": f"until {found.paused_until:%Y-%m-%d %H:%M} UTC" if found.paused_until else "",
        "next plan": f"{found.next_plan_id} version {found.next_plan_version}" if found.next_plan_id else "",
    }
    for title, text in further.items():
        if text:
            output.line(f"  {title:<10} {text}")
    for change in found.changes:
        changed = ", ".join(f"{name} {value}" for name, value in change.after.items()) if change.before else "started"
        output.line(f"{change.changed_at:%Y-%m-%d %H:%M:%S} {changed}, by {change.changed_by}: {change.because}")
    return None


@app.command(name="list")
def list_subscriptions(
    *,
    customer: options.CustomerFilter = None,
    state: billing_options.StateFilter = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List subscriptions, the newest first."""
    from billing import subscription_books
    from billing.subscriptions import SubscriptionState
    from commands import billing_arguments, billing_steps, subscription_documents

    wanted = billing_arguments.state(SubscriptionState, state)

    async def listed(books: "Books") -> "Sequence[Subscription]":
        return await subscription_books.find(books, customer_id=customer, state=wanted, limit=limit)

    found = [subscription_documents.of_subscription(each) for each in billing_steps.read(listed)]
    if as_json:
        return output.document({"subscriptions": [each.plain() for each in found]})
    columns = ("subscription", "state", "customer", "plan", "version", "period begins", "period ends")
    rows = [
        (
            each.subscription_id,
            str(each.state),
            each.customer_id,
            each.plan_id,
            str(each.plan_version),
            str(each.period_begins),
            str(each.period_ends),
        )
        for each in found
    ]
    return output.table(columns, rows, numbers=("version",)) if rows else output.line("there is no such subscription")


@app.command()
def cancel(
    subscription_id: billing_options.SubscriptionId,
    *,
    because: billing_options.Because,
    at_period_end: billing_options.AtPeriodEnd = False,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """End a subscription now, or with its period."""
    from billing import subscription_books

    said = _said(subscription_id, because, by)
    _write(
        lambda books: subscription_books.cancel(
            books, subscription_id, at_period_end=at_period_end, now=datetime.now(UTC), **said
        ),
        as_json=as_json,
    )


@app.command()
def pause(
    subscription_id: billing_options.SubscriptionId,
    *,
    because: billing_options.Because,
    until: billing_options.PauseUntil = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Bill nothing until the subscription is resumed, or until a moment; its periods go by."""
    from billing import subscription_books
    from commands import arguments

    end = arguments.deadline("--until", until)
    said = _said(subscription_id, because, by)
    _write(
        lambda books: subscription_books.pause(books, subscription_id, end, now=datetime.now(UTC), **said),
        as_json=as_json,
    )


@app.command()
def resume(
    subscription_id: billing_options.SubscriptionId,
    *,
    because: billing_options.Because,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Take back a pause, or else a cancellation at the end of the period."""
    from billing import subscription_books

    said = _said(subscription_id, because, by)
    _write(
        lambda books: subscription_books.resume(books, subscription_id, now=datetime.now(UTC), **said), as_json=as_json
    )


@app.command(name="change-plan")
def change_plan(
    subscription_id: billing_options.SubscriptionId,
    plan_id: billing_options.PlanId,
    *,
    because: billing_options.Because,
    version: billing_options.PlanVersion = None,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Let another plan, or another version, follow when the period is over; the plan it has takes that back."""
    from billing import subscription_books
    from commands import arguments

    arguments.identifier("PLAN_ID", plan_id)
    said = _said(subscription_id, because, by)
    _write(
        lambda books: subscription_books.change_plan(books, subscription_id, plan_id, version, **said), as_json=as_json
    )


def _said(subscription_id: str, because: str, by: str | None) -> dict[str, str]:
    from commands import arguments, billing_arguments

    arguments.identifier("SUBSCRIPTION_ID", subscription_id)
    return {"actor": billing_arguments.actor(by), "because": billing_arguments.because(because)}


def _write(step: "Callable[[Books], Awaitable[Subscription]]", *, as_json: bool) -> None:
    from commands import billing_steps, subscription_documents

    found = billing_steps.write(step)
    if as_json:
        return output.document(subscription_documents.of_subscription(found).plain())
    ends = f", and ends on {found.period_ends}" if found.cancel_at_period_end else ""
    follows = f", and plan {found.next_plan_id} follows on {found.period_ends}" if found.next_plan_id else ""
    return output.line(
        f"subscription {found.subscription_id} is {found.state}: plan {found.plan_id} version {found.plan_version},"
        f" {found.period_begins} to {found.period_ends}{ends}{follows}"
    )
