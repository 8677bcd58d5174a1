"""The options and arguments of the `fees` commands."""

from typing import Annotated

import typer

RulesFile = Annotated[str, typer.Argument(metavar="FILE", help="A file of fee rules, YAML.", show_default=False)]
Rules = Annotated[
    str | None,
    typer.Option("--rules", metavar="FILE", help="A file of fee rules.", show_default="that of FEE_RULES"),
]
Gateway = Annotated[
    str, typer.Option("--gateway", metavar="NAME", help="The gateway that takes it.", show_default=False)
]
Brand = Annotated[
    str | None, typer.Option("--brand", metavar="BRAND", help="The card's brand, such as visa.", show_default=False)
]
Funding = Annotated[
    str | None,
    typer.Option("--funding", metavar="TYPE", help="The card's type: credit, debit or prepaid.", show_default=False),
]
Plan = Annotated[str | None, typer.Option("--plan", metavar="PLAN", help="The plan it is on.", show_default=False)]
Volume = Annotated[
    str | None,
    typer.Option(
        "--volume",
        metavar="AMOUNT",
        help="What the gateway took before in this month, in major units.",
        show_default="nothing",
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="When: 7d (ago), 2026-11-21, 2026-11-21T08:00Z.", show_default="now"),
]
ManyCaptures = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, metavar="COUNT", help="How many captures at most, the newest.")
]
