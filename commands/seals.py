"""`ledger seal`, `verify`, `anchor`, `seal-key`: whether the books are as they were posted, and what it takes to show it."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.seal_documents import VerificationDocument


def seal(*, as_json: options.AsJson = False) -> None:
    """Seal now what was posted, instead of waiting for a worker."""
    from commands import connections, seal_rows

    made = connections.run(seal_rows.seal)
    if as_json:
        output.document({"seals": [found.plain() for found in made]})
    elif made:
        for found in made:
            output.line(f"seal {found.seal}: {found.entries} entries, digest {found.digest}")
    else:
        output.line("nothing is left to seal")


def verify(
    *, anchor: options.AnchorFile = None, public_key: options.PublicKeyFile = None, as_json: options.AsJson = False
) -> None:
    """Recompute everything, and name the first damage."""
    from commands import connections, seal_rows

    found = connections.run(lambda settings: seal_rows.verify(settings, public_key, anchor))
    if as_json:
        output.document(found.plain())
    elif found.damage is None:
        _show(found)
    if found.damage is not None:
        raise AnswerIsNo(found.damage.message)


def anchor(*, out: options.OutFile, as_json: options.AsJson = False) -> None:
    """Write the newest seal to a file, to be kept where nobody can write who writes to the database."""
    from commands import connections, seal_rows

    found = connections.run(lambda settings: seal_rows.anchor(settings, out))
    if as_json:
        output.document(found.plain())
    else:
        output.line(f"seal {found.seal} is in {out}, digest {found.digest}: keep it away from the database")


def seal_key(*, out: options.OutFile) -> None:
    """Make a key that seals, and the public key that verifies."""
    from ledger.seals import signing
    from ledger.seals.errors import KeyFault

    try:
        public = signing.create(Path(out))
    except KeyFault as error:
        raise WrongUse(str(error)) from None
    output.line(f"the key is in {out}, for SEAL_KEY_FILE: nobody but the workers may read it")
    output.line(f"its public key is in {public}, for SEAL_PUBLIC_KEY_FILE: give it to whoever verifies")


def _show(found: "VerificationDocument") -> None:
    output.line(f"verified: {found.entries} entries with {found.lines} lines under {found.seals} seals")
    if found.anchored_to is not None:
        output.line(f"nothing up to seal {found.anchored_to} was written anew or cut off: the anchor says the same")
    if found.unsealed_entries:
        waits = f"the oldest for {found.oldest_unsealed_seconds or 0:.0f} s"
        output.line(
            f"{found.unsealed_entries} entries have no seal yet, {waits}: nothing shows whether they were changed"
        )
