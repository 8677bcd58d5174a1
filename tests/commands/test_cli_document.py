"""docs/cli.md is what scripts are written by, so it says what the program does, no less and no more."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from activities.dunning_messages import NextKind
from billing.dunning.commands import COMMANDS
from billing.dunning.decision import Purpose, Reason
from billing.dunning.decline_classes import DeclineClass
from billing.dunning.entitlement import Access
from billing.dunning.history import TryOutcome
from billing.dunning.outlook import Clock
from billing.dunning.recovery import RecoveredBy
from billing.invoices import InvoiceState
from billing.payments import PaymentKind
from billing.subscriptions import SubscriptionState
from commands import (
    account_documents,
    adjustment_documents,
    card_documents,
    charge_documents,
    chart_documents,
    check_documents,
    customer_documents,
    dunning_desk_documents,
    dunning_documents,
    dunning_report_documents,
    entrance,
    entry_documents,
    evidence_documents,
    fee_documents,
    financial_documents,
    history_documents,
    hold_documents,
    invoice_documents,
    ledger_documents,
    notice_documents,
    outage_documents,
    output,
    period_documents,
    plan_documents,
    process_schemas,
    proof_documents,
    protection_documents,
    rate_documents,
    repair_documents,
    review_documents,
    routing_documents,
    schema,
    seal_documents,
    service_documents,
    split_documents,
    subscription_documents,
    webhook_documents,
)
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from commands.explanation import Explanation, Statement
from commands.proof_report import ProofReport
from commands.repair import Proposal, Proposals
from commands.repair_plan import ChargePlan
from ledger.account_standing import AccountState
from ledger.adjustments import AdjustmentState
from ledger.answers import CardFacts, GatewayAnswer
from ledger.charges import ChargeStatus
from ledger.inbox import EventState
from ledger.periods import PeriodState
from ledger.proofs.findings import Code, Finding
from ledger.proofs.invariants import count
from ledger.refunds import RefundStatus
from ledger.reviews import Choice, Evidence, Resolution
from ledger.seals.damage import DamageKind
from ledger.splits import SplitStatus
from starter import app
from workflows.hold_messages import HoldStatus


def added(child: type[BaseModel], parent: type[BaseModel]) -> set[str]:
    """The fields that a document has beyond those of another."""
    return child.model_fields.keys() - parent.model_fields.keys()


TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
REPORT = ProofReport(
    findings=(Finding(code=next(iter(Code)), message="found"),),
    notes=(),
    unread=(),
    charges=0,
    operations=0,
    entries=0,
    effects=0,
    invariants=tuple(count((), {}, {})),
)
PROOF = proof_documents.document(REPORT)
EXPLANATION = proof_documents.explanation_document(
    Explanation(
        charge_id="",
        is_known=True,
        statements=(Statement("charge", "ch_1", "", ()),),
        findings=(),
        notes=(),
        unread=(),
    )
)
REPAIR = repair_documents.document(Proposals(REPORT, (Proposal(ChargePlan("ch_1")),)), (), is_done=False)
PROCESS = process_schemas.of_all()[0]
DOCUMENTS: dict[str, set[str]] = {
    "A started charge": set(charge_documents.StartedDocument.model_fields),
    "A charge in a list": set(charge_documents.ChargeSummary.model_fields),
    "An operation": set(charge_documents.OperationDocument.model_fields),
    "What a gateway told": set(GatewayAnswer.model_fields),
    "A card": set(CardFacts.model_fields),
    "A refund": set(charge_documents.RefundDocument.model_fields),
    "A split": set(split_documents.SplitDocument.model_fields),
    "A leg": set(split_documents.LegDocument.model_fields),
    "A started split": set(split_documents.StartedSplitDocument.model_fields),
    "A refund of a split": set(split_documents.SplitRefundDocument.model_fields),
    "A journal entry": set(ledger_documents.EntryDocument.model_fields),
    "A line": set(ledger_documents.LineDocument.model_fields),
    "A posted line": added(ledger_documents.PostedLineDocument, ledger_documents.LineDocument),
    "An entry with what it comes from": added(entry_documents.EntryDetailDocument, ledger_documents.EntryDocument),
    "An adjustment": set(adjustment_documents.AdjustmentDocument.model_fields),
    "An amount of an adjustment": set(adjustment_documents.TierDocument.model_fields),
    "A decision": set(adjustment_documents.DecisionDocument.model_fields),
    "A review": set(review_documents.ReviewDocument.model_fields),
    "The evidence of a review": set(Evidence.model_fields),
    "A choice": set(Choice.model_fields),
    "The trial balance": set(history_documents.TrialBalanceDocument.model_fields),
    "The sums of a currency": set(history_documents.TrialBalanceCurrency.model_fields),
    "A balance": added(history_documents.BalanceDocument, ledger_documents.AccountDocument),
    "Statements": set(history_documents.StatementsDocument.model_fields),
    "A statement of an account": set(history_documents.StatementDocument.model_fields),
    "A line of CSV": {"what"},
    "Income statements": set(financial_documents.IncomeStatementsDocument.model_fields),
    "An income statement": set(financial_documents.IncomeStatementDocument.model_fields),
    "Balance sheets": set(financial_documents.BalanceSheetsDocument.model_fields),
    "A balance sheet": set(financial_documents.BalanceSheetDocument.model_fields),
    "A row of a financial statement": set(financial_documents.FinancialRowDocument.model_fields),
    "The audit trail": set(history_documents.AuditTrailDocument.model_fields),
    "An event of the audit trail": set(history_documents.AuditEventDocument.model_fields),
    "An account": set(ledger_documents.AccountDocument.model_fields),
    "An account in all its currencies": set(account_documents.AccountStandingDocument.model_fields),
    "How an account stands": set(account_documents.StandingDocument.model_fields),
    "A change of an account": set(account_documents.AccountChangeDocument.model_fields),
    "A hold": set(hold_documents.HoldDocument.model_fields),
    "A service that may post": set(service_documents.ServiceDocument.model_fields),
    "A row of the chart": set(chart_documents.ChartRowDocument.model_fields),
    "A dry run": set(check_documents.CheckDocument.model_fields),
    "An entry that was tried": set(check_documents.TriedDocument.model_fields),
    "A line of an account": set(history_documents.LogLineDocument.model_fields),
    "A rate": set(rate_documents.RateDocument.model_fields),
    "The rate that applied": set(rate_documents.AppliedRateDocument.model_fields),
    "A position": set(rate_documents.PositionDocument.model_fields),
    "An edition of fee rules": set(fee_documents.FeeEditionDocument.model_fields),
    "A purchase with its fee": set(fee_documents.FeesDocument.model_fields),
    "A tier": set(fee_documents.TierDocument.model_fields),
    "The sums of a fee rule": set(fee_documents.RuleSumDocument.model_fields),
    "A compared fee": set(fee_documents.ComparedFeeDocument.model_fields),
    "A customer": set(customer_documents.CustomerDocument.model_fields),
    "A customer with what it owes": added(
        customer_documents.CustomerSheetDocument, customer_documents.CustomerDocument
    ),
    "A payment method": set(customer_documents.MethodDocument.model_fields),
    "A card and its tries": set(card_documents.CardDocument.model_fields),
    "A token of a card": set(card_documents.CardMethodDocument.model_fields),
    "A ceiling of a card": set(card_documents.CardCeilingDocument.model_fields),
    "A try of a card": set(card_documents.CardTryDocument.model_fields),
    "A card in a list": set(card_documents.CardSumDocument.model_fields),
    "A version of a plan": set(plan_documents.PlanDocument.model_fields),
    "A subscription": set(subscription_documents.SubscriptionDocument.model_fields),
    "A subscription with its trail": added(
        subscription_documents.SubscriptionSheetDocument, subscription_documents.SubscriptionDocument
    ),
    "A change of a subscription": set(subscription_documents.SubscriptionChangeDocument.model_fields),
    "An invoice": set(invoice_documents.InvoiceDocument.model_fields),
    "A pay link": set(invoice_documents.PayLinkDocument.model_fields),
    "An invoice with its lines": added(invoice_documents.InvoiceSheetDocument, invoice_documents.InvoiceDocument),
    "A line of an invoice": set(invoice_documents.InvoiceLineDocument.model_fields),
    "What was applied to an invoice": set(invoice_documents.ApplicationDocument.model_fields),
    "A payment": set(invoice_documents.PaymentDocument.model_fields),
    "A difference": set(invoice_documents.DifferenceDocument.model_fields),
    "A period": set(period_documents.PeriodDocument.model_fields),
    "A change of a period": set(period_documents.PeriodChangeDocument.model_fields),
    "A finding of a period": set(period_documents.PeriodFindingDocument.model_fields),
    "The protection": set(protection_documents.ProtectionDocument.model_fields),
    "A seal": set(seal_documents.SealDocument.model_fields),
    "A verification": set(seal_documents.VerificationDocument.model_fields),
    "A damage": set(seal_documents.DamageDocument.model_fields),
    "A pack": set(evidence_documents.PackDocument.model_fields),
    "A checked pack": set(evidence_documents.CheckedPackDocument.model_fields),
    "An edition of a policy": set(routing_documents.EditionDocument.model_fields),
    "A recovery": set(dunning_desk_documents.DunningDocument.model_fields),
    "A recovery with its past and its plan": added(
        dunning_desk_documents.DunningSheetDocument, dunning_desk_documents.DunningDocument
    ),
    "A try of an invoice": set(dunning_desk_documents.TryDocument.model_fields),
    "A sent notice": set(dunning_desk_documents.SentNoticeDocument.model_fields),
    "A change of access": set(dunning_desk_documents.AccessDocument.model_fields),
    "A command": set(dunning_desk_documents.CommandDocument.model_fields),
    "What a card may still take": set(dunning_desk_documents.CardRoomDocument.model_fields),
    "A report of recoveries": set(dunning_report_documents.RecoveryReportDocument.model_fields),
    "What dunning brought": set(dunning_report_documents.RecoveryDocument.model_fields),
    "A try against a rule": set(dunning_report_documents.ViolationDocument.model_fields),
    "An edition of a dunning policy": set(dunning_documents.DunningEditionDocument.model_fields),
    "A preview of dunning": set(dunning_documents.PreviewDocument.model_fields),
    "A decline": set(dunning_documents.DeclineDocument.model_fields),
    "An outage of a gateway": set(outage_documents.OutageDocument.model_fields),
    "A foreseen event": set(dunning_documents.ForeseenDocument.model_fields),
    "A notice": set(notice_documents.NoticeDocument.model_fields),
    "A told event": set(notice_documents.ToldEventDocument.model_fields),
    "A routing decision": set(routing_documents.DecisionDocument.model_fields),
    "A candidate": set(routing_documents.CandidateDocument.model_fields),
    "A replay": set(routing_documents.ReplayDocument.model_fields),
    "Expected fees": set(routing_documents.FeesDocument.model_fields),
    "A replayed charge": set(routing_documents.ReplayedDocument.model_fields),
    "A proof": set(PROOF),
    "A count": set(PROOF["invariants"][0]),
    "A finding": set(PROOF["findings"][0]),
    "An event": set(webhook_documents.EventDocument.model_fields),
    "An explanation": set(EXPLANATION),
    "A statement": set(EXPLANATION["statements"][0]),
    "A repair": set(REPAIR),
    "A repaired charge": set(REPAIR["charges"][0]),
    "The processes": set(schema.describe("", [])),
    "A process": set(PROCESS),
    "A message": set(PROCESS["updates"][0]),
}


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}

    def walk(words: str, command: Any) -> None:
        for name, nested in getattr(command, "commands", {}).items():
            walk(f"{words} {name}".strip(), nested)
        if not hasattr(command, "commands"):
            found[words] = command

    walk("", typer.main.get_command(app))
    return found


def named(section: str) -> set[str]:
    """What the first column of a section's table names, without the values of options."""
    return {name.split()[0] for name in re.findall(r"^\| `([^`]+)`", SECTIONS[section], flags=re.MULTILINE)}


def test_every_command_is_described_and_every_described_command_exists() -> None:
    """A person finds each command in the document, and each one found there works."""
    described = {title.strip("`") for title in SECTIONS if title.startswith("`")}
    assert described == set(commands())


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_options_of_a_command_are_those_described(name: str) -> None:
    """No option is hidden from people, and none is promised that there is not."""
    params = [param for param in commands()[name].params if param.name != "help"]
    real = {param.opts[0] if param.opts[0].startswith("--") else param.metavar for param in params}
    assert named(f"`{name}`") == real


@pytest.mark.parametrize("title", sorted(DOCUMENTS))
def test_the_fields_of_a_document_are_those_described(title: str) -> None:
    """A script that reads a documented field finds it; what is printed is documented."""
    assert named(title) == DOCUMENTS[title]


def test_documents_that_extend_others_describe_what_they_add() -> None:
    """A charge is a charge in a list and more; an account in the trial balance is an account and more."""
    assert named("A charge") == added(charge_documents.ChargeDocument, charge_documents.ChargeSummary)
    trial_balance = added(history_documents.TrialBalanceAccount, ledger_documents.AccountDocument)
    sheet = added(period_documents.PeriodSheetDocument, period_documents.PeriodDocument)
    assert named("A period with its trail") == sheet
    assert named("An account in the trial balance") == trial_balance


def test_every_field_of_the_contract_with_scripts_is_there() -> None:
    """The names that scripts were promised first are in the documents."""
    charge = set(charge_documents.ChargeDocument.model_fields)
    assert charge >= {"charge_id", "status", "gateway", "amount_minor", "currency", "authorized_minor", "operations"}
    assert charge >= {"captured_minor", "refunded_minor"}
    operation = set(charge_documents.OperationDocument.model_fields)
    assert operation >= {"operation_id", "kind", "gateway", "gateway_reference", "outcome", "decline_code"}
    assert "entry_reference" in operation


def test_every_exit_code_is_described() -> None:
    """A script can tell from the code alone what to do."""
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, flags=re.MULTILINE)}
    ours = {AnswerIsNo.exit_code, WrongUse.exit_code, OutOfReach.exit_code, entrance.INTERRUPTED, output.READER_LEFT}
    assert codes == {0, *ours}


@pytest.mark.parametrize(
    "word",
    [
        *ChargeStatus,
        *RefundStatus,
        *Resolution,
        *EventState,
        *SplitStatus,
        *HoldStatus,
        *AccountState,
        *PeriodState,
        *AdjustmentState,
        *InvoiceState,
        *PaymentKind,
        *SubscriptionState,
        *DamageKind,
        *DeclineClass,
        *Clock,
        *NextKind,
        *Access,
        *Purpose,
        *Reason,
        *TryOutcome,
        *RecoveredBy,
        *sorted(COMMANDS),
    ],
)
def test_every_status_is_described(word: str) -> None:
    """A script can name each status that it may meet."""
    assert f"`{word}`" in TEXT


def test_links_within_the_document_lead_somewhere() -> None:
    """Whoever follows a link arrives."""
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
