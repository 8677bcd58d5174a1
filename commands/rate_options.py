"""The options and arguments of the `rates` commands."""

from typing import Annotated

import typer

FromUnit = Annotated[
    str, typer.Argument(metavar="FROM", help="Currency or unit, such as EUR or CREDIT.", show_default=False)
]
ToUnit = Annotated[str, typer.Argument(metavar="TO", help="The other one.", show_default=False)]
Rate = Annotated[
    str, typer.Argument(metavar="RATE", help="How many TO one FROM is: 1.0834, or exactly 1/3.", show_default=False)
]
Source = Annotated[
    str, typer.Option("--source", metavar="TEXT", help="Who published it, such as ECB.", show_default=False)
]
EffectiveFrom = Annotated[
    str | None,
    typer.Option(
        "--effective-from", metavar="TIME", help="From when on: 2026-11-21, 2026-11-21T08:00Z.", show_default="now"
    ),
]
RateFile = Annotated[str, typer.Argument(metavar="FILE", help="Rates as .csv or .yaml.", show_default=False)]
FromFilter = Annotated[
    str | None, typer.Option("--from", metavar="CODE", help="Only from this currency or unit.", show_default=False)
]
ToFilter = Annotated[
    str | None, typer.Option("--to", metavar="CODE", help="Only to this currency or unit.", show_default=False)
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="When: 7d (ago), 2026-11-21, 2026-11-21T08:00Z.", show_default="now"),
]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", metavar="TIME", help="By what was known then.", show_default="by all that is known now"),
]
