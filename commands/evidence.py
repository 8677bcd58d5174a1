"""`ledger evidence`: all that an auditor asks for of one period, in a folder; and whether such a folder is as it was written."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import options, output
from commands.errors import AnswerIsNo

if TYPE_CHECKING:
    from commands.evidence_documents import CheckedPackDocument, PackDocument

app = typer.Typer(help="All that an auditor asks for of one period, in a folder with a manifest of hashes.")


@app.command()
def write(period: options.PeriodName, *, to: options.PackFolder, as_json: options.AsJson = False) -> None:
    """Write the evidence of a period: entries, totals, adjustments with approvals, seals, roles and grants."""
    from commands import evidence_pack

    found = evidence_pack.write(period, Path(to))
    if as_json:
        output.document(found.plain())
    else:
        _show_pack(found)
    if not found.reconciled:
        raise AnswerIsNo(f"the totals of period {period} do not reconcile: see reconciliation.json in {to}")
    if found.verification == "damaged":
        raise AnswerIsNo(f"the books are damaged: see verification.json in {to}, and run `ledger verify`")
    if not found.is_protected:
        raise AnswerIsNo(f"the ledger is not protected: see protection.json in {to}, and run `ledger protection`")


@app.command()
def verify(folder: options.Pack, *, public_key: options.PublicKeyFile = None, as_json: options.AsJson = False) -> None:
    """Recompute the hashes and totals of a pack, and name what was changed, is missing or was added."""
    from commands import evidence_pack

    found = evidence_pack.check(Path(folder), public_key)
    if as_json:
        output.document(found.plain())
    elif not found.faults:
        _show_checked(found)
    if found.faults:
        raise AnswerIsNo(*found.faults)


def _show_pack(found: "PackDocument") -> None:
    output.line(
        f"period {found.period} ({found.period_state}): {found.entries} entries with {found.lines} lines, "
        f"{found.adjustments} adjustments and {found.seals} seals in {found.files} files in {found.folder}"
    )
    if found.reconciled:
        output.line("the totals reconcile")
    if found.period_state != "closed":
        output.line(f"period {found.period} is {found.period_state}: its figures can still change")
    if found.unsealed_entries:
        output.line(f"{found.unsealed_entries} of the entries have no seal yet")
    output.line(f"seals: {found.verification}{f' ({found.why})' if found.why else ''}")
    signed = f"signed with the key {found.signed_by}" if found.signed_by else "not signed: SEAL_KEY_FILE is not set"
    output.line(f"manifest {found.manifest_hash}, {signed}")


def _show_checked(found: "CheckedPackDocument") -> None:
    output.line(
        f"the pack of period {found.period} is as it was written: {found.files} files, "
        f"{found.entries} entries with {found.lines} lines, {found.seals} seals"
    )
    signed = {
        "trusted": f"signed with the trusted key {found.signed_by}",
        "not_checked": "its signature was not checked: give --public-key",
        "missing": "not signed: compare this hash with one that was kept elsewhere",
    }[found.signature]
    output.line(f"manifest {found.manifest_hash}, {signed}")
