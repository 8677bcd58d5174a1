"""The options and arguments of the commands about notices and events."""

from typing import Annotated

import typer

from billing.dunning.notice_ladder import Template as Name

Template = Annotated[
    Name, typer.Argument(metavar="TEMPLATE", help=f"Which one: {', '.join(Name)}.", show_default=False)
]
Directory = Annotated[str, typer.Argument(metavar="DIRECTORY", help="A merchant's own templates.", show_default=False)]
Locale = Annotated[
    str | None,
    typer.Option(
        "--locale", metavar="LOCALE", help="de, or de-AT.", show_default="en, or the one of the invoice's customer"
    ),
]
Html = Annotated[bool, typer.Option("--html", help="Print the page instead of the text.")]
Invoice = Annotated[
    str | None,
    typer.Option("--invoice", metavar="INVOICE_ID", help="What this one would say now.", show_default="supposed facts"),
]
Templates = Annotated[
    str | None,
    typer.Option(
        "--templates", metavar="DIRECTORY", help="A merchant's own templates.", show_default="NOTICE_TEMPLATES"
    ),
]
After = Annotated[
    int, typer.Option("--after", min=0, max=2**63 - 1, metavar="EVENT_ID", help="Only those after this one.")
]
