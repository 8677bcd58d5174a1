"""`ledger protection`: who may do what in the database, its guards and its settings."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from commands import options, output
from commands.errors import AnswerIsNo


def protection(*, as_json: options.AsJson = False) -> None:
    """Check who may do what in the database, its guards and its settings; exit code 1 where something is wrong."""
    from commands import ledger_reading, protection_documents
    from ledger.protection import report

    found = protection_documents.of_report(ledger_reading.read(report.inspect))
    if as_json:
        output.document(found.plain())
    else:
        output.line(f"database {found.database}, schema {found.schema_version}, read as {found.read_as}")
        output.line(f"settings: {', '.join(f'{name} {value}' for name, value in found.settings.items())}")
        output.line(f"{len(found.guards)} guards, {len(found.grants)} grants to {len(found.roles)} roles")
        if found.is_protected:
            output.line("the ledger is protected")
    if not found.is_protected:
        raise AnswerIsNo(*(f"{fault.what}: {fault.remedy}" for fault in found.faults))
