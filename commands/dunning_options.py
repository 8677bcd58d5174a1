"""The options and arguments of the dunning commands."""

from typing import Annotated

import typer

PolicyFile = Annotated[str, typer.Argument(metavar="FILE", help="A dunning policy, YAML.", show_default=False)]
Policy = Annotated[
    str | None,
    typer.Option("--policy", metavar="FILE", help="A dunning policy, YAML.", show_default="the one that is shipped"),
]
Decline = Annotated[
    str | None,
    typer.Option(
        "--decline",
        metavar="CODE",
        help="What every try is answered with: a code of the gateway's, or of --network's.",
        show_default=False,
    ),
]
Advice = Annotated[
    str | None,
    typer.Option("--advice", metavar="CODE", help="The advice that comes with it.", show_default=False),
]
Gateway = Annotated[str, typer.Option("--gateway", metavar="NAME", help="The gateway that answers.")]
Network = Annotated[
    str | None,
    typer.Option("--network", metavar="NAME", help="The card's network, such as visa.", show_default=False),
]
CardCountry = Annotated[
    str | None,
    typer.Option("--card-country", metavar="CODE", help="Where the card was issued, such as DE.", show_default=False),
]
CustomerZone = Annotated[
    str | None,
    typer.Option(
        "--customer-zone",
        metavar="ZONE",
        help="IANA, such as Europe/Berlin.",
        show_default="the policy's for unknown zones",
    ),
]
CustomerCountry = Annotated[
    str | None,
    typer.Option(
        "--customer-country", metavar="CODE", help="Where the customer lives, such as DE.", show_default=False
    ),
]
CustomerType = Annotated[
    str | None,
    typer.Option("--customer-type", metavar="TYPE", help="As segments name it.", show_default=False),
]
Plan = Annotated[str | None, typer.Option("--plan", metavar="ID", help="The plan.", show_default=False)]
CustomerDays = Annotated[
    int | None,
    typer.Option(
        "--customer-days",
        min=0,
        max=36_500,
        metavar="DAYS",
        help="For how long they have been a customer.",
        show_default=False,
    ),
]
Amount = Annotated[str, typer.Option("--amount", metavar="AMOUNT", help="In major units, such as 49.99.")]
Currency = Annotated[str, typer.Option("--currency", metavar="CODE", help="ISO 4217 code, such as USD.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="When the payment failed: 7d (ago), 2026-11-21, 2026-11-21T08:00Z.",
        show_default="now",
    ),
]
InvoiceId = Annotated[
    str, typer.Option("--id", metavar="INVOICE_ID", help="The id that minutes within the hour are drawn by.")
]
