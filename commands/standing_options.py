"""The options and arguments of `accounts`, `holds`, `ledger chart` and `ledger check`."""

from typing import Annotated

import typer

Person = Annotated[
    str,
    typer.Option("--by", metavar="PERSON", help="Who you are: letters, digits and _ . -, no name.", show_default=False),
]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for the books.", show_default=False)]
BillBackLimit = Annotated[
    str,
    typer.Option(
        "--limit",
        metavar="AMOUNT",
        help="How far below zero it may fall, in major units; 0 for none.",
        show_default=False,
    ),
]
HeldAccount = Annotated[
    str,
    typer.Option("--account", metavar="ACCOUNT", help="Whose money is held: wallet:user:ada.", show_default=False),
]
HeldAccountFilter = Annotated[
    str | None, typer.Option("--account", metavar="ACCOUNT", help="Only of this account.", show_default=False)
]
Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="TIME",
        help="When it expires: 30m, 2h, 7d from now, or 2026-11-21T08:00Z.",
        show_default=False,
    ),
]
NewHoldId = Annotated[
    str | None,
    typer.Option("--id", metavar="HOLD_ID", help="Your id; the same id is the same hold.", show_default="a new one"),
]
HoldId = Annotated[str, typer.Argument(metavar="HOLD_ID", help="Id of the hold.", show_default=False)]
PostedAmount = Annotated[
    str | None,
    typer.Option(
        "--amount", metavar="AMOUNT", help="In major units of the hold's currency.", show_default="all that is held"
    ),
]
PostedTo = Annotated[
    str,
    typer.Option("--to", metavar="ACCOUNT", help="Where it goes, such as revenue:sales.", show_default=False),
]
HoldStateFilter = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Only in this state.", show_default=False)
]
ChartFile = Annotated[str, typer.Argument(metavar="FILE", help="A chart of accounts in YAML.", show_default=False)]
EntryFile = Annotated[
    str, typer.Argument(metavar="FILE", help="One entry or several, in YAML or JSON.", show_default=False)
]
