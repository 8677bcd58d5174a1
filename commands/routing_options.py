"""The options and arguments of the routing commands."""

from typing import Annotated

import typer

PolicyFile = Annotated[str, typer.Argument(metavar="FILE", help="A policy file, YAML.", show_default=False)]
Policy = Annotated[
    str | None,
    typer.Option("--policy", metavar="FILE", help="A policy file.", show_default="that of ROUTING_POLICY"),
]
NewPolicy = Annotated[
    str, typer.Option("--policy", metavar="FILE", help="The policy file to try out.", show_default=False)
]
HypotheticalId = Annotated[
    str, typer.Option("--id", metavar="CHARGE_ID", help="The id that splits and shares are drawn by.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="When: 7d (ago), 2026-11-21, 2026-11-21T08:00Z.", show_default="now"),
]
From = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Only from then on: 7d, 12h, 2026-11-21.", show_default=False)
]
ManyCharges = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, metavar="COUNT", help="How many charges at most, the newest.")
]
