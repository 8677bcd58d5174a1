"""The options and arguments of the commands, by name; those that several commands share mean the same everywhere."""

from typing import Annotated

import typer

DEFAULT_TIMEOUT_SECONDS = 90.0
MAX_LISTED = 1000

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON document instead of text.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of text, all of it.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, max=86_400, metavar="SECONDS", help="How long to wait for the answer.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_LISTED, metavar="COUNT", help="How many at most.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only from then on: 7d, 12h, 2026-11-21.", show_default=False),
]

ProvedCharge = Annotated[
    str | None,
    typer.Option("--charge", metavar="CHARGE_ID", help="Explain this charge, from every source.", show_default=False),
]
Repair = Annotated[
    bool, typer.Option("--repair", help="Propose what the books lack, and post it once that is agreed to.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Agree to the repair without being asked.")]
Histories = Annotated[
    str,
    typer.Option(
        "--histories",
        metavar="all|none|COUNT",
        help="How many processes' histories to replay; none leaves Temporal out.",
    ),
]

ChargeId = Annotated[str, typer.Argument(metavar="CHARGE_ID", help="Id of the charge.", show_default=False)]
NewChargeId = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="CHARGE_ID", help="Your id; the same id is the same charge.", show_default="a new one"
    ),
]
NewRefundId = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="REFUND_ID", help="Your id; the same id is the same refund.", show_default="a new one"
    ),
]
SplitId = Annotated[str, typer.Argument(metavar="SPLIT_ID", help="Id of the split.", show_default=False)]
NewSplitId = Annotated[
    str | None,
    typer.Option("--id", metavar="SPLIT_ID", help="Your id; the same id is the same split.", show_default="a new one"),
]
Legs = Annotated[
    list[str],
    typer.Option(
        "--leg",
        metavar="AMOUNT:GATEWAY=TOKEN",
        help="An amount and where it is taken from, such as 60.00:stripe=pm_1; once for each leg, 2 to 10 of them.",
        show_default=False,
    ),
]
Amount = Annotated[
    str, typer.Option("--amount", metavar="AMOUNT", help="In major units, such as 49.99.", show_default=False)
]
PartAmount = Annotated[
    str | None,
    typer.Option(
        "--amount",
        metavar="AMOUNT",
        help="In major units of the charge's currency, such as 20.00.",
        show_default="all that is left",
    ),
]
Currency = Annotated[
    str, typer.Option("--currency", metavar="CODE", help="ISO 4217 code, such as USD.", show_default=False)
]
CurrencyFilter = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Only this currency.", show_default=False)
]
Customer = Annotated[
    str,
    typer.Option(
        "--customer", metavar="ID", help="Your id of the customer; no name and no address.", show_default=False
    ),
]
CustomerFilter = Annotated[
    str | None, typer.Option("--customer", metavar="ID", help="Only this customer's.", show_default=False)
]
PaymentMethods = Annotated[
    list[str],
    typer.Option(
        "--payment-method",
        metavar="GATEWAY=TOKEN",
        help="The customer's token at a gateway, at most one for each; ,brand=visa,country=DE,funding=credit may follow,"
        " and ,gateway_customer=REF,mandate=REF.",
        show_default=False,
    ),
]
CaptureMode = Annotated[
    str,
    typer.Option(
        "--capture", metavar="automatic|manual", help="Take the money at once, or reserve it and take it later."
    ),
]
AtExpiry = Annotated[
    str,
    typer.Option(
        "--at-expiry", metavar="void|capture", help="What becomes of an authorization that is about to lapse."
    ),
]
PreferredGateway = Annotated[
    str | None,
    typer.Option("--gateway", metavar="NAME", help="The gateway to prefer, if it can take it.", show_default=False),
]
Invoice = Annotated[
    str | None,
    typer.Option(
        "--invoice",
        metavar="ID",
        help="The invoice that it pays; without one it is revenue at once.",
        show_default=False,
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="KEY=VALUE", help="Kept with the charge.", show_default=False),
]
CustomerCountry = Annotated[
    str | None,
    typer.Option(
        "--customer-country", metavar="CODE", help="Where the customer lives, such as DE.", show_default=False
    ),
]
ConfirmBy = Annotated[
    str | None,
    typer.Option(
        "--confirm-by",
        metavar="TIME",
        help="Undo the charge unless it is confirmed by then: 30m, 2h, 7d from now, or 2026-11-21T08:00Z.",
        show_default=False,
    ),
]
Detach = Annotated[bool, typer.Option("--detach", help="Only start it; do not wait for the answer.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the books.", show_default=False)]
StatusFilter = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Only in this status.", show_default=False)
]
AccountCode = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="Code of the account, such as clearing:stripe.", show_default=False)
]
AccountPrefix = Annotated[
    str,
    typer.Option("--prefix", metavar="CODE", help="Only accounts whose code starts so.", show_default=False),
]
BeforeLine = Annotated[
    int | None,
    typer.Option("--before", metavar="LINE", help="Only lines before this one: the page before.", show_default=False),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="MOMENT",
        help="What was true then: 2026-11-21 (the end of that day, UTC) or 2026-11-21T08:00Z.",
        show_default="now",
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", metavar="MOMENT", help="By what was recorded until then, no later.", show_default="now"),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MOMENT",
        help="From then on, a date from its beginning: 2026-11-01 or 2026-11-01T08:00Z.",
        show_default=False,
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="MOMENT", help="Until then, a date to its end.", show_default=False),
]
PeriodBegin = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MOMENT",
        help="Where the period begins whose result is shown.",
        show_default="1 January of that year",
    ),
]
LogOrder = Annotated[
    str,
    typer.Option(
        "--by", metavar="happened|recorded", help="In the order, and the time, of what happened or was recorded."
    ),
]
Depth = Annotated[
    int,
    typer.Option("--depth", min=1, max=20, metavar="COUNT", help="Tell accounts apart by so many parts of the code."),
]
ActorFilter = Annotated[
    str | None,
    typer.Option("--actor", metavar="NAME", help="Only what this one did, such as person:alice.", show_default=False),
]
ChargeFilter = Annotated[
    str | None, typer.Option("--charge", metavar="CHARGE_ID", help="Only this charge's.", show_default=False)
]
EntryReference = Annotated[
    str, typer.Argument(metavar="REF", help="Reference of the entry, such as ch_1:capture:1.", show_default=False)
]
RefundFilter = Annotated[
    str | None,
    typer.Option(
        "--refund", metavar="REFUND_ID", help="The review of this refund, not of the charge.", show_default=False
    ),
]
Resolved = Annotated[bool, typer.Option("--resolved", help="Those that are resolved, the last one first.")]
ResolveAs = Annotated[
    str,
    typer.Option("--as", metavar="succeeded|failed", help="What became of the operation.", show_default=False),
]
Because = Annotated[
    str, typer.Option("--because", metavar="TEXT", help="How you know, for the books.", show_default=False)
]
By = Annotated[str, typer.Option("--by", metavar="PERSON", help="Who you are; one of REVIEWERS.", show_default=False)]
ByCloser = Annotated[
    str, typer.Option("--by", metavar="PERSON", help="Who you are; one of CLOSERS.", show_default=False)
]
ByAccountant = Annotated[
    str,
    typer.Option("--by", metavar="PERSON", help="Who you are; one of ACCOUNTANTS or CLOSERS.", show_default=False),
]
ApprovedBy = Annotated[
    str,
    typer.Option(
        "--approved-by", metavar="PERSON", help="Who agrees: another person, one of CLOSERS.", show_default=False
    ),
]
Why = Annotated[str, typer.Option("--because", metavar="TEXT", help="Why, for the books.", show_default=False)]
Despite = Annotated[
    str | None,
    typer.Option(
        "--despite", metavar="TEXT", help="Why it is closed although something in it is open.", show_default=False
    ),
]
PeriodName = Annotated[
    str, typer.Argument(metavar="PERIOD", help="Name of the period, such as 2026-11.", show_default=False)
]
EventId = Annotated[
    str | None,
    typer.Argument(metavar="EVENT_ID", help="The gateway's id of the event, such as evt_1.", show_default=False),
]
EventStateFilter = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Only in this state.", show_default=False)
]
GatewayFilter = Annotated[
    str | None, typer.Option("--gateway", metavar="NAME", help="Only this gateway's.", show_default=False)
]
Unmatched = Annotated[bool, typer.Option("--unmatched", help="All that match no operation.")]
EntryFile = Annotated[
    str | None,
    typer.Option("--entry", metavar="FILE", help="The entry, as YAML or JSON: date and lines.", show_default=False),
]
AnchorFile = Annotated[
    str | None,
    typer.Option("--anchor", metavar="FILE", help="An anchor that was kept elsewhere.", show_default=False),
]
PublicKeyFile = Annotated[
    str | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        help="Public keys whose seals are believed, in PEM.",
        show_default="SEAL_PUBLIC_KEY_FILE",
    ),
]
OutFile = Annotated[str, typer.Option("--out", metavar="FILE", help="The file to write.", show_default=False)]
PackFolder = Annotated[
    str, typer.Option("--to", metavar="FOLDER", help="The folder to make; it must be new or empty.", show_default=False)
]
Pack = Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of the pack.", show_default=False)]
