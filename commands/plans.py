"""`plans`: prices and how often they are owed, in versions that are never rewritten."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

import typer

from commands import billing_options, options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.plans import Plan
    from commands.connections import Books

app = typer.Typer(help="Plans: prices and intervals, in versions.")


@app.command()
def add(
    plan_id: billing_options.PlanId,
    *,
    name: billing_options.PlanName,
    amount: options.Amount,
    currency: options.Currency,
    every: billing_options.Every,
    trial_days: billing_options.TrialDays = 0,
    earns_to: billing_options.EarnsTo = "revenue:subscriptions",
    new_version: billing_options.NewVersion = False,
    by: billing_options.By = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a plan down; the same terms are the same version, other terms need --new-version."""
    from billing import plan_books
    from billing.plans import PlanTerms
    from commands import arguments, billing_arguments, billing_steps, plan_documents

    content = {
        "plan_id": plan_id,
        "name": name,
        "amount": arguments.money(amount, currency),
        "interval": billing_arguments.interval(every),
        "trial_days": trial_days,
        "earns_to": earns_to,
        "actor": billing_arguments.actor(by),
    }
    terms = billing_arguments.checked(PlanTerms, content)
    plan, is_new = billing_steps.write(lambda books: plan_books.add(books, terms, new_version=new_version))
    if as_json:
        output.document(plan_documents.of_plan(plan).plain())
    else:
        output.line(f"{_sentence(plan)} {'is added' if is_new else 'was there before'}")


@app.command(name="list")
def list_plans(*, limit: options.Limit = 50, as_json: options.AsJson = False) -> None:
    """List plans by their last versions."""
    from billing import plan_books
    from commands import billing_steps

    async def listed(books: "Books") -> "Sequence[Plan]":
        return await plan_books.find(books, limit=limit)

    _show(billing_steps.read(listed), as_json=as_json)


@app.command()
def show(plan_id: billing_options.PlanId, *, as_json: options.AsJson = False) -> None:
    """Show all versions of a plan, the last one first."""
    from billing import plan_books
    from commands import arguments, billing_steps

    arguments.identifier("PLAN_ID", plan_id)

    async def listed(books: "Books") -> "Sequence[Plan]":
        return await plan_books.versions(books, plan_id)

    _show(billing_steps.read(listed), as_json=as_json)


def _show(found: "Sequence[Plan]", *, as_json: bool) -> None:
    from commands import plan_documents

    if as_json:
        return output.document({"plans": [plan_documents.of_plan(each).plain() for each in found]})
    columns = ("plan", "version", "name", "price", "every", "free days", "earns to", "since")
    rows = [
        (
            each.plan_id,
            str(each.version),
            each.name,
            str(each.amount),
            str(each.interval),
            str(each.trial_days),
            each.earns_to,
            f"{each.created_at:%Y-%m-%d %H:%M}",
        )
        for each in found
    ]
    return output.table(columns, rows, numbers=("version", "price")) if rows else output.line("there is no plan")


def _sentence(plan: "Plan") -> str:
    return f"plan {plan.plan_id} version {plan.version}, {plan.amount} every {plan.interval},"
