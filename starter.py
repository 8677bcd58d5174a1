"""The command line, for people and scripts: starts processes, sends them messages, and prints what they say.

Exit codes: 0 done, 1 the answer is no, 2 wrong use, 3 a part of the system cannot be reached. docs/cli.md has it all.
"""

import typer

from commands import (
    accounts,
    adjustments,
    cards,
    charges,
    customers,
    dunning,
    dunning_commands,
    dunning_desk,
    dunning_report,
    events,
    evidence,
    fees,
    holds,
    invoice_payments,
    invoices,
    ledger,
    methods,
    notices,
    periods,
    plans,
    prove,
    rates,
    refunds,
    review,
    routing,
    schema,
    seals,
    service_keys,
    splits,
    subscriptions,
    webhooks,
)
from commands.entrance import Entrance, leave_at_once

app = typer.Typer(
    name="starter.py",
    help="Charges over Stripe and PayPal, as durable processes that post to a ledger. See docs/cli.md.",
    cls=Entrance,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command()(charges.charge)
app.command()(charges.capture)
app.command()(charges.void)
app.command()(charges.cancel)
app.command()(charges.confirm)
app.command()(charges.complete_action)
app.command()(charges.reconcile)
app.command()(refunds.refund)
app.command()(charges.status)
app.command()(charges.charges)
app.add_typer(splits.app, name="split")
ledger.app.command()(seals.seal)
ledger.app.command()(seals.verify)
ledger.app.command()(seals.anchor)
ledger.app.command()(seals.seal_key)
ledger.app.add_typer(evidence.app, name="evidence")
app.add_typer(ledger.app, name="ledger")
app.add_typer(accounts.app, name="accounts")
app.add_typer(holds.app, name="holds")
app.add_typer(rates.app, name="rates")
app.add_typer(fees.app, name="fees")
app.add_typer(customers.app, name="customers")
app.add_typer(methods.app, name="methods")
app.add_typer(cards.app, name="cards")
app.add_typer(plans.app, name="plans")
app.add_typer(subscriptions.app, name="subscriptions")
invoices.app.command()(invoice_payments.pay)
invoices.app.command(name="return")(invoice_payments.give_back)
invoices.app.command()(invoice_payments.apply)
invoices.app.command()(invoice_payments.payments)
invoices.app.command()(invoice_payments.check)
app.add_typer(invoices.app, name="invoices")
app.add_typer(periods.app, name="periods")
app.add_typer(review.app, name="review")
app.add_typer(adjustments.app, name="adjustment")
app.add_typer(routing.app, name="routing")
dunning.app.command(name="list")(dunning_desk.list_dunnings)
dunning.app.command()(dunning_desk.show)
dunning.app.command()(dunning_desk.start)
dunning_commands.register(dunning.app)
dunning.app.command()(dunning_report.report)
dunning.app.add_typer(notices.app, name="notice")
app.add_typer(dunning.app, name="dunning")
app.add_typer(events.app, name="events")
app.command()(prove.prove)
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(service_keys.app, name="services")
app.command()(schema.schema)


if __name__ == "__main__":
    leave_at_once(lambda: app(prog_name="starter.py"))
