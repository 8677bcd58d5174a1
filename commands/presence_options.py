"""The options of a charge whose customer is not there."""

from typing import Annotated

import typer

CustomerNotPresent = Annotated[
    bool,
    typer.Option(
        "--customer-not-present",
        help="One of a series that the customer agreed to: what they would have to do themselves is a decline.",
    ),
]
Mandate = Annotated[
    str | None,
    typer.Option(
        "--mandate",
        metavar="REF",
        help="The gateway's reference of the customer's mandate for the payment method, such as mandate_1.",
        show_default=False,
    ),
]
