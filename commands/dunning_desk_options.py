"""The options and arguments of the dunning commands about real invoices."""

from typing import Annotated

import typer

InvoiceId = Annotated[
    str, typer.Argument(metavar="INVOICE_ID", help="The invoice that is recovered.", show_default=False)
]
PolicyName = Annotated[
    str, typer.Argument(metavar="POLICY", help="The edition and name: 2026-11/standard.", show_default=False)
]
Stage = Annotated[
    str | None,
    typer.Option(
        "--stage", metavar="STAGE", help="Only in this: try, ask_customer, wait, give_up, over.", show_default=False
    ),
]
Ended = Annotated[bool, typer.Option("--ended", help="Those that are over, not those that run.")]
Until = Annotated[
    str,
    typer.Option(
        "--until", metavar="TIME", help="12h or 7d from now, 2026-12-24 or 2026-12-24T12:00Z.", show_default=False
    ),
]
Method = Annotated[
    str | None,
    typer.Option("--method", metavar="METHOD_ID", help="With which.", show_default="the one that the customer prefers"),
]
DunningPolicy = Annotated[
    str | None,
    typer.Option("--policy", metavar="FILE", help="A dunning policy, YAML.", show_default="that of DUNNING_POLICY"),
]
PreviewedInvoice = Annotated[
    str | None,
    typer.Option(
        "--invoice", metavar="INVOICE_ID", help="What is left of the recovery of this one.", show_default=False
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="The first failures: 2026-09-01.", show_default="90 days ago"),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="The last ones; a date is its whole day.", show_default="now"),
]
Horizon = Annotated[
    int | None, typer.Option("--horizon", metavar="30|60", help="Days after the failure.", show_default="both")
]
SplitBy = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="WHAT", help="A row for each policy, class, network, recovered_by or month.", show_default=False
    ),
]
