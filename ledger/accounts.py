"""Accounts, and the chart that the posting rules use: one function for each account.

An account is opened by the first line that names it, once for each currency; its type and normal side never change.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CODE_PATTERN = r"^[a-z][a-z0-9_]*(:[A-Za-z0-9_.-]+)+$"
MAX_CODE_LENGTH = 200
AccountCode = Annotated[str, Field(pattern=CODE_PATTERN, max_length=MAX_CODE_LENGTH)]


class AccountType(StrEnum):
    """What kind of thing an account counts; memo accounts stand outside the balance sheet."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    REVENUE = "revenue"
    EXPENSE = "expense"
    MEMO = "memo"


class Side(StrEnum):
    """The two sides of an account."""

    DEBIT = "debit"
    CREDIT = "credit"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class Account(BaseModel):
    """A place where value sits; the normal side is the one that makes its balance grow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: AccountCode
    type: AccountType
    normal_side: Side


ANY = "ANY"
"""Stands for any one part of a code in `BOOKED_BY_RULES`."""


def _debit_normal(code: str, kind: AccountType) -> Account:
    return Account(code=code, type=kind, normal_side=Side.DEBIT)


def _credit_normal(code: str, kind: AccountType) -> Account:
    return Account(code=code, type=kind, normal_side=Side.CREDIT)


def clearing(gateway: str) -> Account:
    """What a gateway owes us; returns to zero, for each charge, when it pays out."""
    return _debit_normal(f"clearing:{gateway}", AccountType.ASSET)


def receivable(customer: str) -> Account:
    """What a customer owes us on invoices."""
    return _debit_normal(f"receivable:{customer}", AccountType.ASSET)


def revenue_sales() -> Account:
    """What was earned where nothing was invoiced."""
    return _credit_normal("revenue:sales", AccountType.REVENUE)


def revenue_refunds() -> Account:
    """Contra revenue: what was given back of sales."""
    return _debit_normal("revenue:refunds", AccountType.REVENUE)


def refunds_payable() -> Account:
    """Refunds promised and not yet made."""
    return _credit_normal("liability:refunds_payable", AccountType.LIABILITY)


def gateway_fees() -> Account:
    """What gateways charged for their work, as they reported it."""
    return _debit_normal("expense:gateway_fees", AccountType.EXPENSE)


def disputes_receivable() -> Account:
    """What gateways hold back until disputes are decided."""
    return _debit_normal("asset:disputes_receivable", AccountType.ASSET)


def dispute_losses() -> Account:
    """What was lost in disputes."""
    return _debit_normal("expense:dispute_losses", AccountType.EXPENSE)


def dispute_fees() -> Account:
    """What gateways charged for disputes."""
    return _debit_normal("expense:dispute_fees", AccountType.EXPENSE)


def paid_back_twice() -> Account:
    """What customers have got back by a refund of ours and once more by the gateway, of one payment."""
    return _debit_normal("expense:paid_back_twice", AccountType.EXPENSE)


def memo_authorizations(gateway: str) -> Account:
    """Money reserved on customers' payment methods at a gateway, not taken."""
    return _debit_normal(f"memo:authorizations:{gateway}", AccountType.MEMO)


def memo_authorizations_contra() -> Account:
    """The other side of every authorization."""
    return _credit_normal("memo:authorizations:contra", AccountType.MEMO)


def memo_unresolved(gateway: str) -> Account:
    """Operations whose outcome at a gateway is not known: our exposure there."""
    return _debit_normal(f"memo:unresolved:{gateway}", AccountType.MEMO)


def memo_unresolved_contra() -> Account:
    """The other side of every unresolved operation."""
    return _credit_normal("memo:unresolved:contra", AccountType.MEMO)


def exchange(unit: str) -> Account:
    """What conversions gained of a unit, in that unit; and what it cost, in the functional currency, on the other side."""
    return _credit_normal(f"exchange:{unit}", AccountType.EQUITY)


def exchange_gains() -> Account:
    """What was gained when a position in a unit was closed above its cost."""
    return _credit_normal("revenue:exchange_gains", AccountType.REVENUE)


def exchange_losses() -> Account:
    """What was lost when a position in a unit was closed below its cost."""
    return _debit_normal("expense:exchange_losses", AccountType.EXPENSE)


def conversion_rounding() -> Account:
    """What conversions leave over because the other unit is counted in whole minor units."""
    return _debit_normal("expense:conversion_rounding", AccountType.EXPENSE)


def wallet(customer: str) -> Account:
    """What a customer has with us, in credits or in money."""
    return _credit_normal(f"wallet:{customer}", AccountType.LIABILITY)


def credits_issued() -> Account:
    """The other side of all credits in wallets: what they are worth in money stands as deferred revenue."""
    return _debit_normal("credits:issued", AccountType.EQUITY)


def deferred_revenue(unit: str) -> Account:
    """What was paid for credits of a unit that nobody has spent yet."""
    return _credit_normal(f"liability:deferred_revenue.{unit}", AccountType.LIABILITY)


def revenue_credits() -> Account:
    """What was earned as credits were spent."""
    return _credit_normal("revenue:credits", AccountType.REVENUE)


def fees_charged() -> Account:
    """What customers paid of gateways' fees, on top of the price."""
    return _credit_normal("revenue:fees_charged", AccountType.REVENUE)


def fees_payable(gateway: str) -> Account:
    """Fees of a gateway that pays out in full and sends a bill for them."""
    return _credit_normal(f"liability:gateway_fees.{gateway}", AccountType.LIABILITY)


def bank(name: str) -> Account:
    """Money of ours at a bank."""
    return _debit_normal(f"bank:{name}", AccountType.ASSET)


def bad_debt() -> Account:
    """What was owed on invoices and is not expected any more."""
    return _debit_normal("expense:bad_debt", AccountType.EXPENSE)


def customer_credit(customer: str) -> Account:
    """What a customer paid beyond what is owed; it pays the next invoice, or is given back."""
    return _credit_normal(f"liability:customer_credit:{customer}", AccountType.LIABILITY)


FACTS = (
    clearing(ANY),
    receivable(ANY),
    revenue_sales(),
    revenue_refunds(),
    refunds_payable(),
    gateway_fees(),
    disputes_receivable(),
    dispute_losses(),
    dispute_fees(),
    paid_back_twice(),
    memo_authorizations(ANY),
    memo_authorizations_contra(),
    memo_unresolved(ANY),
    memo_unresolved_contra(),
)
"""The accounts on which it is booked what gateways did: nothing may be in the way of that."""

BOOKED_BY_RULES = (
    *FACTS,
    exchange(ANY),
    exchange_gains(),
    exchange_losses(),
    conversion_rounding(),
    wallet(ANY),
    credits_issued(),
    deferred_revenue(ANY),
    revenue_credits(),
    fees_charged(),
    fees_payable(ANY),
    bank(ANY),
    bad_debt(),
    customer_credit(ANY),
)
"""Every account that a posting rule moves, so that a chart must have them as they are here."""
