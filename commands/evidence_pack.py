"""Writes the evidence of a period from one state of the books, and checks a pack that somebody holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from commands import arguments, connections, evidence_documents, gateway_choice, protection_documents, seal_documents
from commands.connections import Books
from commands.errors import WrongUse
from commands.evidence_documents import CheckedPackDocument, PackDocument
from ledger import fee_rule_file
from ledger.evidence import checking, contents, fees, manifest, readme
from ledger.evidence.errors import EvidenceError
from ledger.evidence.folder import OF_MOMENT, Folder, new_folder
from ledger.evidence.manifest import Origin
from ledger.fee_rules import FeeRules
from ledger.lined_yaml import FileFault
from ledger.period_errors import UnknownPeriod
from ledger.protection import report
from ledger.seals import signing, verification
from ledger.seals.errors import KeyFault
from ledger.seals.signing import SealKey, TrustedKeys
from settings import Settings


class _Given(NamedTuple):
    """What a pack is written of, and with."""

    name: str
    place: Path
    settings: Settings
    key: SealKey | None
    rules: FeeRules | None


def write(name: str, place: Path) -> PackDocument:
    """Write the pack; raises WrongUse where the period or the place cannot be used, and leaves nothing then."""

    async def run(settings: Settings) -> PackDocument:
        given = _Given(name, place, settings, _key(settings), _rules(settings))
        with new_folder(place) as folder:
            async with connections.snapshot(settings) as books:
                return await _fill(folder, books, given)

    try:
        return connections.run(run)
    except (UnknownPeriod, EvidenceError) as error:
        raise WrongUse(str(error)) from None


def check(folder: Path, public_key: str | None) -> CheckedPackDocument:
    """Check a pack with the public keys that are given, or those of the settings where there are any."""
    try:
        return evidence_documents.of_checked(checking.check(folder, _trusted(public_key)))
    except (EvidenceError, KeyFault) as error:
        raise WrongUse(str(error)) from None


async def _fill(folder: Folder, books: Books, given: _Given) -> PackDocument:
    packed = await contents.period(books, given.name)
    protection = protection_documents.of_report(await report.inspect(books))
    written = await contents.write(books, packed, folder)
    if given.rules is not None:
        await fees.write(books, packed, folder, given.rules)
    folder.document(readme.PROTECTION, protection.plain(), of=OF_MOMENT)
    verified = await _verified(books, given.settings)
    folder.document(readme.VERIFICATION, verified, of=OF_MOMENT)
    readme.write(folder, packed)
    origin = Origin(
        made_at=datetime.now(UTC),
        made_by=arguments.actor(),
        read_as=protection.read_as,
        database=protection.database,
        schema_version=protection.schema_version,
    )
    verdicts = {
        "reconciled": written.reconciliation["reconciled"],
        "verification": verified["verdict"],
        "is_protected": protection.is_protected,
    }
    digest = manifest.finish(folder, packed, origin, verdicts, given.key)
    return PackDocument(
        folder=str(given.place),
        period=packed.name,
        period_state=packed.state,
        files=len(folder.files),
        entries=written.entries,
        lines=written.lines,
        adjustments=written.adjustments,
        seals=written.seals,
        unsealed_entries=written.unsealed,
        why=verified.get("why"),
        manifest_hash=digest,
        signed_by=given.key.fingerprint.hex() if given.key else None,
        **verdicts,
    )


async def _verified(books: Books, settings: Settings) -> dict[str, Any]:
    """Verify all seals in the same state of the books; it comes last, since it changes the session's settings."""
    if not await verification.has_seals(books):
        return {"verdict": "not_checked", "why": "no seals"}
    try:
        keys = signing.load_trusted(Path(settings.seal_public_key_file))
    except KeyFault as error:
        return {"verdict": "not_checked", "why": str(error)}
    found = await verification.verify(books, keys)
    return seal_documents.of_verification(found).plain()


def _key(settings: Settings) -> SealKey | None:
    if not settings.seal_key_file:
        return None
    try:
        return signing.load(Path(settings.seal_key_file))
    except KeyFault as error:
        raise WrongUse(str(error)) from None


def _rules(settings: Settings) -> FeeRules | None:
    if not settings.fee_rules:
        return None
    try:
        return fee_rule_file.read(Path(settings.fee_rules), list(gateway_choice.KNOWN))
    except FileFault as error:
        raise WrongUse(*error.lines) from None


def _trusted(public_key: str | None) -> TrustedKeys | None:
    if public_key is not None:
        return signing.load_trusted(Path(public_key))
    path = Path(connections.load_settings().seal_public_key_file)
    return signing.load_trusted(path) if path.exists() else None
