"""What the commands about seals do with the database: seal, verify, and read the newest seal."""

from pathlib import Path
from typing import Any

from commands import connections, seal_documents
from commands.errors import AnswerIsNo, WrongUse
from commands.seal_documents import SealDocument, VerificationDocument
from ledger import snapshots
from ledger.seals import anchors, sealing, signing, verification
from ledger.seals.errors import SealError
from ledger.seals.signing import TrustedKeys
from settings import Settings


async def seal(settings: Settings) -> list[SealDocument]:
    """Seal all that can be sealed now."""
    if not settings.seal_key_file or not settings.sealer_database_url:
        raise WrongUse("nothing here may seal: set SEAL_KEY_FILE and SEALER_DATABASE_URL, as for a worker that seals")
    try:
        key = signing.load(Path(settings.seal_key_file))
    except SealError as error:
        raise WrongUse(str(error)) from None
    made: list[SealDocument] = []
    async with connections.books(settings, settings.sealer_database_url) as connection:
        while True:
            async with connection.begin():
                found = await sealing.seal_next(connection, key)
            if found is None:
                return made
            made.append(seal_documents.of_seal(found))


async def verify(settings: Settings, public_key: str | None, anchor_file: str | None) -> VerificationDocument:
    """Verify with the public key that is given, or that of the settings."""
    try:
        keys = _trusted(settings, public_key)
        anchor = anchors.load(Path(anchor_file), keys) if anchor_file else None
    except SealError as error:
        raise WrongUse(str(error)) from None
    async with connections.books(settings) as connection:
        await snapshots.begun(connection)
        found = await verification.verify(connection, keys, anchor)
    return seal_documents.of_verification(found)


async def anchor(settings: Settings, out: str) -> SealDocument:
    """Write the newest seal to a file."""
    async with connections.books(settings) as connection:
        found = await anchors.newest(connection)
    if found is None:
        raise AnswerIsNo("nothing is sealed yet: run `ledger seal`, or wait for a worker that seals")
    try:
        anchors.write(Path(out), found)
    except SealError as error:
        raise WrongUse(str(error)) from None
    said: dict[str, Any] = found["seal"]
    return SealDocument(
        seal=said["number"],
        entries=said["entry_count"],
        first_leaf=said["first_leaf"],
        last_leaf=said["last_leaf"],
        digest=found["digest"],
        sealed_at=said["sealed_at"],
    )


def _trusted(settings: Settings, public_key: str | None) -> TrustedKeys:
    path = public_key or settings.seal_public_key_file
    return signing.load_trusted(Path(path))
