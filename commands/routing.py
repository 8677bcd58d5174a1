"""`routing`: which gateway takes a charge and why, and what another policy would have chosen."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import options, output, routing_options
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.routing_documents import DecisionDocument, EditionDocument
    from gateways.routing.ask import RoutingAsk
    from gateways.routing.decision import RoutingDecision
    from gateways.routing.policy import Policies, Policy
    from gateways.routing.replay import ReplayReport
    from gateways.routing.windows import Windows
    from settings import Settings

app = typer.Typer(help="Which gateway takes a charge and why; what another policy would have chosen.")


@app.command()
def check(file: routing_options.PolicyFile, *, as_json: options.AsJson = False) -> None:
    """Read a policy file as a worker does, and say what is wrong with it, with the line."""
    from commands import connections, gateway_choice, routing_documents
    from gateways.routing.errors import PolicyFault

    policies = gateway_choice.policies(connections.load_settings(), Path(file))
    try:
        editions = routing_documents.of_policies(policies, datetime.now(UTC))
    except PolicyFault as error:
        raise WrongUse(*(f"{file}: {line}" for line in error.lines)) from None
    if as_json:
        output.document({"editions": [edition.plain() for edition in editions]})
    else:
        _show_editions(file, editions)


@app.command()
def explain(
    *,
    amount: options.Amount,
    currency: options.Currency,
    payment_methods: options.PaymentMethods,
    customer_country: options.CustomerCountry = None,
    metadata: options.Metadata = None,
    gateway: options.PreferredGateway = None,
    charge_id: routing_options.HypotheticalId = "hypothetical",
    at: routing_options.At = None,
    policy: routing_options.Policy = None,
    as_json: options.AsJson = False,
) -> None:
    """Say which gateway a charge would get at its first attempt, and why. Nothing is charged."""
    from activities.attempts import first_ask
    from commands import arguments, connections, gateway_choice, routing_documents

    settings = connections.load_settings()
    moment = arguments.point_in_time("--at", at) or datetime.now(UTC)
    request = arguments.charge_request(
        charge_id=charge_id,
        amount=amount,
        currency=currency,
        customer="hypothetical",
        payment_methods=payment_methods,
        gateways=list(gateway_choice.KNOWN),
        metadata=metadata or [],
        gateway=gateway,
        customer_country=customer_country,
    )
    policies = gateway_choice.policies(settings, Path(policy) if policy else None)
    decided = routing_documents.of_decision(_decide(policies, first_ask(request, moment)))
    if as_json:
        output.document(decided.plain())
    else:
        _show_decision(decided)


@app.command()
def replay(
    *,
    policy: routing_options.NewPolicy,
    since: routing_options.From,
    limit: routing_options.ManyCharges = 10_000,
    as_json: options.AsJson = False,
) -> None:
    """Run the newest edition of a policy file over past charges, and compare it with what was chosen."""
    from commands import arguments, connections, gateway_choice, past_routing, replay_tables, routing_documents
    from gateways.routing.replay import replay as run
    from ledger.outcomes import MAX_READ

    begin = arguments.point_in_time("--since", since) or datetime.now(UTC)
    edition = gateway_choice.policies(connections.load_settings(), Path(policy)).newest

    async def read(settings: "Settings") -> "ReplayReport":
        async with connections.books(settings) as books:
            past = await past_routing.asks_since(books, begin, limit)
            window = timedelta(seconds=edition.window_seconds)
            outcomes = await past_routing.outcomes_since(books, begin - window, MAX_READ)
        return run(edition, past, outcomes, gateway_choice.KNOWN)

    report = connections.run(read)
    if as_json:
        output.document(routing_documents.of_replay(report).plain())
    else:
        replay_tables.show(report)


def _decide(policies: "Policies", ask: "RoutingAsk") -> "RoutingDecision":
    from commands import gateway_choice
    from gateways.routing.choice import decide
    from gateways.routing.errors import NoGateway, PolicyFault

    try:
        policy = policies.at(ask.at)
        return decide(policy, ask, gateway_choice.KNOWN, _windows(policy, ask.at))
    except NoGateway as error:
        raise AnswerIsNo(str(error)) from None
    except PolicyFault as error:
        raise WrongUse(*error.lines) from None


def _windows(policy: "Policy", at: datetime) -> "Windows":
    """Count the outcomes of the books, where the policy reads them at all."""
    from commands import connections, past_routing
    from gateways.routing.windows import EMPTY

    async def read(settings: "Settings") -> "Windows":
        async with connections.books(settings) as books:
            return await past_routing.windows_at(books, policy, at)

    return connections.run(read) if policy.reads_outcomes else EMPTY


def _show_editions(file: str, editions: "list[EditionDocument]") -> None:
    for edition in editions:
        begin = f"{edition.effective_from:%Y-%m-%d %H:%M} UTC"
        is_over = not edition.in_force and edition.effective_from <= datetime.now(UTC)
        state = "in force" if edition.in_force else "no longer in force" if is_over else f"in force from {begin}"
        output.line(
            f"edition {edition.version}, {state}: {len(edition.rules)} rules over {', '.join(edition.gateways)}"
        )
    output.line(f"{file} is in order")


def _show_decision(decided: "DecisionDocument") -> None:
    output.line(f"{decided.gateway}: {decided.reason} (policy {decided.policy_version}, {decided.strategy})")
    rows = [
        (
            candidate.gateway,
            "yes" if candidate.eligible else "no",
            candidate.why_not or "",
            ", ".join(f"{name} {value:g}" for name, value in candidate.scores.items()),
        )
        for candidate in decided.candidates
    ]
    output.table(("gateway", "can take it", "why not", "scores"), rows)
