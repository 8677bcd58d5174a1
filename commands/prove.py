"""`prove`: whether the gateways' own record, the journal, the charges and their processes agree, and what to do if not."""
# ruff: noqa: PLC0415 # heavy parts are imported when the command runs, so that --help is quick

from datetime import datetime
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import AnswerIsNo, OutOfReach, WrongUse

if TYPE_CHECKING:
    from commands.proof_report import ProofReport
    from settings import Settings

DEFAULT_HISTORIES = 500


def prove(
    *,
    charge: options.ProvedCharge = None,
    repair: options.Repair = False,
    yes: options.Yes = False,
    since: options.Since = None,
    histories: options.Histories = str(DEFAULT_HISTORIES),
    as_json: options.AsJson = False,
) -> None:
    """Prove that the gateways' own record, the journal, the charges and their processes agree."""
    from commands import arguments, connections, proof_documents

    if repair:
        _repair(charge, since, is_agreed=yes, as_json=as_json)
        return
    if yes:
        raise WrongUse("--yes agrees to a repair: give it with --repair")
    if charge is not None:
        _explain(charge, since, as_json=as_json)
        return
    begin = arguments.point_in_time("--since", since)
    most = arguments.histories(histories)
    report = connections.run(lambda settings: run_proof(settings, begin, most))
    if as_json:
        output.document(proof_documents.document(report))
    else:
        proof_documents.show(report)
    if report.unread:
        raise not_read(report.unread)
    if report.findings:
        raise AnswerIsNo(f"the books are not proved: {len(report.findings):,} findings")


async def run_proof(
    settings: "Settings", since: datetime | None = None, histories: int | None = DEFAULT_HISTORIES
) -> "ProofReport":
    """Run the proof; on a terminal it tells on stderr how far it is. Raises what SQLAlchemy raises."""
    from rich.console import Console

    from commands import proof

    console = Console(stderr=True)
    if not console.is_terminal:
        return await proof.run(settings, since, histories=histories)
    with console.status("proving") as status:
        return await proof.run(settings, since, status.update, histories)


def not_read(lines: tuple[str, ...]) -> OutOfReach:
    """Say what could not be read."""
    return OutOfReach(*(f"nothing is proved, since a part could not be read: {line}" for line in lines))


def _repair(charge_id: str | None, since: str | None, *, is_agreed: bool, as_json: bool) -> None:
    from commands import arguments, connections, repair, repair_documents

    if since is not None:
        raise WrongUse("--repair rests on a proof of everything: leave out --since")
    if charge_id is not None:
        arguments.identifier("--charge", charge_id)
    actor = arguments.actor()
    proposals = connections.run(lambda settings: repair.propose(settings, actor, charge_id))
    if proposals.report.unread:
        raise not_read(proposals.report.unread)
    if not as_json:
        repair_documents.show(proposals)
    is_agreed = bool(proposals.to_do) and (is_agreed or (not as_json and repair_documents.is_agreed()))
    posted = connections.run(lambda settings: repair.carry_out(settings, proposals)) if is_agreed else []
    if as_json:
        output.document(repair_documents.document(proposals, posted, is_done=is_agreed))
    elif is_agreed:
        repair_documents.show_posted(posted)
    if proposals.to_do and not is_agreed:
        raise AnswerIsNo("nothing was posted: look at what would be, then give the command again with --yes")
    if proposals.cannot:
        raise AnswerIsNo(*(f"cannot be repaired: {line}" for line in proposals.cannot))
    if not is_agreed and proposals.report.findings:
        raise AnswerIsNo(f"nothing of the {len(proposals.report.findings):,} findings can be repaired: see `prove`")


def _explain(charge_id: str, since: str | None, *, as_json: bool) -> None:
    from commands import arguments, connections, explanation, proof_documents

    if since is not None:
        raise WrongUse("--charge explains one charge, whenever it was made: leave out --since")
    arguments.identifier("--charge", charge_id)
    found = connections.run(lambda settings: explanation.explain(settings, charge_id))
    if not found.is_known and not found.unread:
        raise AnswerIsNo(f"there is no charge {charge_id}: neither the books nor Temporal know it")
    if as_json:
        output.document(proof_documents.explanation_document(found))
    else:
        proof_documents.show_explanation(found)
    if found.unread:
        raise not_read(found.unread)
    if found.findings:
        raise AnswerIsNo(f"charge {charge_id} is not proved: {len(found.findings):,} findings")
