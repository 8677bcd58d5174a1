"""What the processes say, held against the books: what they sent is written down, what they told is true, what waits is followed.

Nothing follows from a process that is not there: Temporal forgets those that ended, after its retention.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from ledger.proofs.evidence import (
    CHARGE,
    OVER,
    RECONCILE,
    REFUND,
    Answer,
    ChargeEvidence,
    ChargeRow,
    OperationRow,
    ProcessRow,
)
from ledger.proofs.findings import Code, Finding

FOLLOWED_WITHIN = timedelta(minutes=1)
"""A process that was only just started may not be listed yet."""
STARTED_WITHIN = timedelta(minutes=15)
"""From the start of a process to the charge's row: longer than a worker's restart."""
REVIEW = "needs_review"
LATER: Mapping[str, frozenset[str]] = {
    "captured": frozenset({"refunded", "disputed", "reversed"}),
    "partially_captured": frozenset({"refunded", "disputed", "reversed"}),
    "disputed": frozenset({"captured", "partially_captured", "refunded", "reversed"}),
    "reversed": frozenset({"captured", "partially_captured", "disputed", "refunded"}),
}
"""States that may follow upon one that was told as final, by a later fact; a person's review may follow upon any."""
REFUNDS: Mapping[str, frozenset[str | None]] = {
    "succeeded": frozenset({"succeeded", "failed"}),
    "failed": frozenset({"failed", "declined", "refused"}),
}
"""What a refund's row may say after an answer."""
REFUSED = "refused"
"""A refund that was refused left nothing in the books."""


def names_of(charge_id: str, operations: Iterable[OperationRow]) -> list[str]:
    """Name every process that may act for a charge."""
    refunds = [f"{REFUND}{row.refund_id}" for row in operations if row.refund_id is not None]
    return [f"{CHARGE}{charge_id}", f"{RECONCILE}{charge_id}", *refunds]


def check_processes(evidence: ChargeEvidence, now: datetime) -> Iterator[Finding]:
    """Examine the processes of one charge."""
    if evidence.processes is None:
        return
    by_name = {process.workflow_id: process for process in evidence.processes}
    orphaned = list(_followed(evidence, by_name, now))
    yield from orphaned or _alive(evidence.charge, by_name, now)
    known = {operation.operation_id for operation in evidence.operations}
    for process in evidence.processes:
        yield from _recorded(process, known, evidence.charge.charge_id)
        yield from _true(process, evidence)


def check_strangers(processes: Iterable[ProcessRow], now: datetime) -> Iterator[Finding]:
    """Examine processes whose charge or refund the books do not have."""
    for process in processes:
        charge_id = charge_of(process)
        sent = list(_recorded(process, (), charge_id))
        yield from sent
        told = [answer for answer in _answers(process) if _claims(process, answer)]
        if told:
            words = f"it told its caller {told[-1].status}, and the books do not know it"
            yield _finding(Code.ANSWER_DIFFERS, process, charge_id, words)
        elif process.is_open and not sent and now - process.started_at > STARTED_WITHIN:
            words = f"it runs since {process.started_at:%Y-%m-%d %H:%M} UTC, and nothing of it is in the books"
            yield _finding(Code.CHARGE_STUCK, process, charge_id, words)


def answers_of(processes: Iterable[ProcessRow]) -> int:
    """Count the answers that can be held against the books."""
    return sum(len(list(_answers(process))) for process in processes)


def _followed(evidence: ChargeEvidence, processes: Mapping[str, ProcessRow], now: datetime) -> Iterator[Finding]:
    """Whoever waits for an outcome is running, or has handed the matter to a person."""
    charge = evidence.charge
    for operation in evidence.operations:
        if not operation.is_undecided or now - operation.requested_at <= FOLLOWED_WITHIN:
            continue
        names = names_of(charge.charge_id, [operation])
        present = [process for name in names if (process := processes.get(name)) is not None]
        if any(process.is_open for process in present) or charge.status == REVIEW:
            continue
        if any(answer.status == REVIEW for process in present for answer in _answers(process)[-1:]):
            continue
        ended = ", ".join(f"{process.workflow_id} is {process.status}" for process in present)
        words = f"it is {operation.outcome or 'under way'}, and {ended or f'there is no process {names[0]}'}"
        yield Finding(
            code=Code.OPERATION_ORPHANED,
            message=f"{operation.operation_id}: {words}",
            charge_id=charge.charge_id,
            operation_id=operation.operation_id,
            gateway=operation.gateway,
            gateway_reference=operation.gateway_reference,
        )


def _alive(charge: ChargeRow, processes: Mapping[str, ProcessRow], now: datetime) -> Iterator[Finding]:
    """A charge that is not at its end has a process."""
    name = f"{CHARGE}{charge.charge_id}"
    process = processes.get(name)
    waits = charge.status not in OVER and charge.status != REVIEW
    is_old = now - charge.created_at > FOLLOWED_WITHIN
    if waits and is_old and (process is None or not process.is_open):
        state = "is not there" if process is None else f"is {process.status}"
        message = f"charge {charge.charge_id}: it is {charge.status}, and its process {name} {state}"
        yield Finding(code=Code.CHARGE_STUCK, message=message, charge_id=charge.charge_id)


def _recorded(process: ProcessRow, known: Iterable[str], charge_id: str | None) -> Iterator[Finding]:
    """Whatever a process sent to a gateway is in the books."""
    if process.history is None:
        return
    for sent in dict.fromkeys(process.history.sent):
        if sent.operation_id in known:
            continue
        words = f"it sent {sent.operation_id} to {sent.gateway}, and the books do not have that"
        yield _finding(Code.OPERATION_UNRECORDED, process, charge_id, words, sent.operation_id)


def _true(process: ProcessRow, evidence: ChargeEvidence) -> Iterator[Finding]:
    """Whatever a process told is what the books say, or was until a later fact."""
    charge = evidence.charge
    if process.workflow_id.startswith(REFUND):
        refund_id = process.workflow_id.removeprefix(REFUND)
        row = next((row for row in evidence.operations if row.refund_id == refund_id), None)
        wrong = [answer for answer in _answers(process) if not _refund_holds(answer, row)]
        says = "nothing" if row is None else row.outcome or "under way"
    elif process.workflow_id.startswith(CHARGE):
        wrong = [answer for answer in _answers(process) if not _charge_holds(answer, charge)]
        says = f"{charge.status}, {charge.authorized_minor} authorized, {charge.captured_minor} captured"
    else:
        return
    if wrong:
        amounts = "" if wrong[-1].captured_minor is None else f" with {wrong[-1].captured_minor} captured"
        words = f"it told {wrong[-1].status}{amounts}, and the books say {says}"
        yield _finding(Code.ANSWER_DIFFERS, process, charge.charge_id, words)


def _charge_holds(answer: Answer, charge: ChargeRow) -> bool:
    if answer.status == "authorized":
        return answer.authorized_minor in {None, charge.authorized_minor}
    if answer.status not in OVER:
        return True
    if charge.status not in {answer.status, REVIEW, *LATER.get(answer.status, ())}:
        return False
    return answer.captured_minor in {None, charge.captured_minor}


def _refund_holds(answer: Answer, row: OperationRow | None) -> bool:
    if row is None:
        return not _claims_of_refund(answer)
    return answer.status not in REFUNDS or row.outcome in REFUNDS[answer.status]


def _claims(process: ProcessRow, answer: Answer) -> bool:
    """Whether an answer says that something is in the books."""
    if process.workflow_id.startswith(REFUND):
        return _claims_of_refund(answer)
    return process.workflow_id.startswith(CHARGE) and answer.status in {*OVER, REVIEW, "authorized"}


def _claims_of_refund(answer: Answer) -> bool:
    return answer.status in {*REFUNDS, "pending", "unknown"}


def _answers(process: ProcessRow) -> Sequence[Answer]:
    """All answers of its history, or, where that was not read, what a process that ended has shown."""
    if process.history is not None:
        return process.history.answers
    if process.shown_status is None or process.status != "completed":
        return ()
    return (Answer(process.shown_status, None, None),)


def charge_of(process: ProcessRow) -> str | None:
    """Name the charge that a process acts for, where its history or its id tells."""
    if process.history is not None and process.history.charge_id is not None:
        return process.history.charge_id
    kind, _, name = process.workflow_id.partition("/")
    return name if f"{kind}/" in {CHARGE, RECONCILE} else None


def _finding(
    code: Code, process: ProcessRow, charge_id: str | None, message: str, operation_id: str | None = None
) -> Finding:
    return Finding(
        code=code,
        message=f"process {process.workflow_id}: {message}",
        charge_id=charge_id,
        operation_id=operation_id,
    )
