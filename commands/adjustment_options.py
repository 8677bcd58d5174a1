"""The options and arguments of the `adjustment` commands."""

from typing import Annotated

import typer

AdjustmentId = Annotated[str, typer.Argument(metavar="ADJUSTMENT_ID", help="Id of the adjustment.", show_default=False)]
NewAdjustmentId = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="ADJUSTMENT_ID", help="Your id; the same id is the same adjustment.", show_default="a new one"
    ),
]
Reverses = Annotated[
    str | None,
    typer.Option(
        "--reverses", metavar="REFERENCE", help="Undo this entry instead: all that is left.", show_default=False
    ),
]
AmountToUndo = Annotated[
    str | None,
    typer.Option("--amount", metavar="AMOUNT", help="With --reverses: undo only so much.", show_default=False),
]
DebitLines = Annotated[
    list[str] | None,
    typer.Option(
        "--debit", metavar="ACCOUNT AMOUNT CURRENCY", help="A line, such as bank:main 12.50 USD.", show_default=False
    ),
]
CreditLines = Annotated[
    list[str] | None,
    typer.Option("--credit", metavar="ACCOUNT AMOUNT CURRENCY", help="As --debit.", show_default=False),
]
EntryDate = Annotated[
    str | None,
    typer.Option(
        "--date",
        metavar="DATE",
        help="When it happened: 2026-11-20; for --reverses also today, effective.",
        show_default=False,
    ),
]
ValidFor = Annotated[
    str, typer.Option("--valid-for", metavar="TIME", help="How long it may wait: 12h, 7d; 30d at most.")
]
ReasonCode = Annotated[
    str, typer.Option("--reason", metavar="CODE", help="A code such as write_off.", show_default=False)
]
BecauseOfAdjustment = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="Why, for the books.", show_default=False)
]
BecauseOfDecision = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="Why you decide so, for the books.", show_default=False)
]
Evidence = Annotated[
    str, typer.Option("--evidence", metavar="REF", help="Where the evidence is kept.", show_default=False)
]
Accountant = Annotated[
    str, typer.Option("--by", metavar="PERSON", help="Who you are; needs the role accountant.", show_default=False)
]
SeenHash = Annotated[
    str,
    typer.Option(
        "--hash",
        metavar="HASH",
        help="Of the entry that you have seen, as `adjustment show` prints it.",
        show_default=False,
    ),
]
AdjustmentStateFilter = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Those in this state.", show_default=False)
]
