"""The options and arguments of `customers`, `methods`, `plans`, `subscriptions` and `invoices`."""

from typing import Annotated

import typer

By = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="PERSON", help="Who you are: letters, digits and _ . -.", show_default="who is logged in here"
    ),
]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for the books.", show_default=False)]

CustomerId = Annotated[
    str, typer.Argument(metavar="CUSTOMER_ID", help="Your id of the customer; no name.", show_default=False)
]
TimeZone = Annotated[
    str, typer.Option("--time-zone", metavar="ZONE", help="Where the customer's days begin: Europe/Berlin.")
]
Locale = Annotated[str, typer.Option("--locale", metavar="CODE", help="The customer's language: en, de-AT.")]
CustomerType = Annotated[str, typer.Option("--type", metavar="person|company", help="Policies may ask for it.")]
Country = Annotated[
    str | None, typer.Option("--country", metavar="CODE", help="Two capital letters: DE.", show_default=False)
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="The customer's name; may be erased.", show_default=False)
]
Email = Annotated[
    str | None,
    typer.Option(
        "--email", metavar="ADDRESS", help="The customer's e-mail address; may be erased.", show_default=False
    ),
]

LinkLife = Annotated[
    str, typer.Option("--valid-for", metavar="TIME", help="How long it can be used: 12h, 14d; 90d at most.")
]

MethodId = Annotated[str, typer.Argument(metavar="METHOD_ID", help="Id of the payment method.", show_default=False)]
Gateway = Annotated[str, typer.Option("--gateway", metavar="NAME", help="Whose token it is.", show_default=False)]
Token = Annotated[
    str, typer.Option("--token", metavar="TOKEN", help="The gateway's token; no card number.", show_default=False)
]
GatewayCustomer = Annotated[
    str | None,
    typer.Option("--gateway-customer", metavar="ID", help="The gateway's own id of the customer.", show_default=False),
]
Brand = Annotated[
    str | None, typer.Option("--brand", metavar="NAME", help="The network, such as visa.", show_default=False)
]
Funding = Annotated[
    str | None, typer.Option("--funding", metavar="credit|debit|prepaid", help="Of a card.", show_default=False)
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="MONTH", help="The last month it is good in: 2028-03.", show_default=False),
]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        "--fingerprint", metavar="ID", help="What the same card has under every token there.", show_default=False
    ),
]
Mandate = Annotated[
    str | None,
    typer.Option("--mandate", metavar="REF", help="The customer's agreement to be charged.", show_default=False),
]
Gone = Annotated[bool, typer.Option("--all", help="Those too that were removed or replaced.")]

PlanId = Annotated[str, typer.Argument(metavar="PLAN_ID", help="Id of the plan.", show_default=False)]
PlanName = Annotated[str, typer.Option("--name", metavar="TEXT", help="What its invoices call it.", show_default=False)]
Every = Annotated[
    str, typer.Option("--every", metavar="INTERVAL", help="day, week, month, year; or '3 months'.", show_default=False)
]
TrialDays = Annotated[int, typer.Option("--trial-days", min=0, max=730, metavar="COUNT", help="Free days first.")]
EarnsTo = Annotated[str, typer.Option("--earns-to", metavar="ACCOUNT", help="The account that its invoices earn to.")]
NewVersion = Annotated[bool, typer.Option("--new-version", help="Other terms for those who subscribe from now on.")]

SubscriptionId = Annotated[
    str, typer.Argument(metavar="SUBSCRIPTION_ID", help="Id of the subscription.", show_default=False)
]
PlanOption = Annotated[str, typer.Option("--plan", metavar="PLAN_ID", help="Its last version.", show_default=False)]
Starts = Annotated[
    str | None,
    typer.Option("--starts", metavar="DATE", help="The first day.", show_default="today, where the customer is"),
]
Anchor = Annotated[
    str | None,
    typer.Option("--anchor", metavar="DATE", help="Count periods from this day.", show_default="the first billed day"),
]
OwnTrialDays = Annotated[
    int | None,
    typer.Option("--trial-days", min=0, max=730, metavar="COUNT", help="Free days first.", show_default="the plan's"),
]
AtPeriodEnd = Annotated[bool, typer.Option("--at-period-end", help="When its period is over, not now.")]
PauseUntil = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="TIME", help="When it goes on: 30d from now, or 2026-12-24.", show_default="resumed by hand"
    ),
]
PlanVersion = Annotated[
    int | None, typer.Option("--version", min=1, metavar="NUMBER", help="Of the plan.", show_default="the last one")
]
StateFilter = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Only in this state.", show_default=False)
]

InvoiceId = Annotated[str, typer.Argument(metavar="INVOICE_ID", help="Id of the invoice.", show_default=False)]
InvoiceLines = Annotated[
    list[str],
    typer.Option(
        "--line",
        metavar="'AMOUNT ACCOUNT TEXT'",
        help="Such as '19.00 revenue:consulting Two hours'; an amount below zero takes off.",
        show_default=False,
    ),
]
Due = Annotated[
    str | None,
    typer.Option("--due", metavar="TIME", help="2026-12-24 or 2026-12-24T12:00Z.", show_default="when it is issued"),
]
Series = Annotated[str, typer.Option("--series", metavar="CODE", help="Whose next number it gets.")]
Outside = Annotated[bool, typer.Option("--outside", help="The money did not come by a charge of ours.")]
PaidInvoices = Annotated[
    list[str] | None,
    typer.Option(
        "--invoice", metavar="INVOICE_ID", help="What it pays, in this order.", show_default="the oldest first"
    ),
]
Bank = Annotated[
    str, typer.Option("--bank", metavar="NAME", help="Where it is: account bank:NAME.", show_default=False)
]
BankReference = Annotated[
    str, typer.Option("--reference", metavar="REF", help="The statement's reference of it.", show_default=False)
]
ReceivedAt = Annotated[
    str | None,
    typer.Option("--received-at", metavar="TIME", help="2026-11-21 or 2026-11-21T08:00Z.", show_default="now"),
]
PaymentId = Annotated[
    str,
    typer.Argument(
        metavar="PAYMENT_ID", help="The payment, as `invoices payments` lists it: outside/p1.", show_default=False
    ),
]
NewPaymentId = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="PAYMENT_ID",
        help="Your id; the same id is the same payment.",
        show_default="of bank and reference",
    ),
]
