"""The arguments of `services`."""

from typing import Annotated

import typer

ServicesFile = Annotated[str, typer.Argument(metavar="FILE", help="A file of services.", show_default=False)]
