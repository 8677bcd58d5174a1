"""`dunning outages`: when gateways were down for everybody."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from typing import TYPE_CHECKING

from commands import options, output

if TYPE_CHECKING:
    from commands.outage_documents import OutageDocument
    from settings import Settings


def outages(*, limit: options.Limit = 20, as_json: options.AsJson = False) -> None:
    """List when gateways were down for everybody, the newest first: their tries wait, and are spread out after it."""
    from billing import gateway_outages
    from commands import connections, outage_documents

    async def read(settings: "Settings") -> "list[OutageDocument]":
        async with connections.books(settings) as books:
            return [outage_documents.of_outage(each) for each in await gateway_outages.newest(books, limit)]

    found = connections.run(read)
    if as_json:
        output.document({"outages": [outage.plain() for outage in found]})
    elif found:
        output.table(("gateway", "from", "until", "last failure", "why"), [_row(outage) for outage in found])
    else:
        output.line("no gateway has been down")


def _row(outage: "OutageDocument") -> tuple[str, ...]:
    until = f"{outage.ended_at:%Y-%m-%d %H:%M:%S}" if outage.ended_at is not None else "lasts"
    why = f"{outage.why}; {outage.ended_because}" if outage.ended_because is not None else outage.why
    return (
        outage.gateway,
        f"{outage.began_at:%Y-%m-%d %H:%M:%S}",
        until,
        f"{outage.last_failed_at:%Y-%m-%d %H:%M:%S}",
        why,
    )
