"""The chart of accounts: what each is called, what kind it is, which side makes it grow."""

import pytest
from pydantic import ValidationError

from ledger import accounts
from ledger.accounts import Account, AccountType, Side

CHART = [
    (accounts.clearing("stripe"), "clearing:stripe", AccountType.ASSET, Side.DEBIT),
    (accounts.receivable("cus_1"), "receivable:cus_1", AccountType.ASSET, Side.DEBIT),
    (accounts.revenue_sales(), "revenue:sales", AccountType.REVENUE, Side.CREDIT),
    (accounts.revenue_refunds(), "revenue:refunds", AccountType.REVENUE, Side.DEBIT),
    (accounts.refunds_payable(), "liability:refunds_payable", AccountType.LIABILITY, Side.CREDIT),
    (accounts.gateway_fees(), "expense:gateway_fees", AccountType.EXPENSE, Side.DEBIT),
    (accounts.memo_authorizations("paypal"), "memo:authorizations:paypal", AccountType.MEMO, Side.DEBIT),
    (accounts.memo_authorizations_contra(), "memo:authorizations:contra", AccountType.MEMO, Side.CREDIT),
    (accounts.memo_unresolved("paypal"), "memo:unresolved:paypal", AccountType.MEMO, Side.DEBIT),
    (accounts.memo_unresolved_contra(), "memo:unresolved:contra", AccountType.MEMO, Side.CREDIT),
]


@pytest.mark.parametrize(("account", "code", "kind", "side"), CHART, ids=[row[1] for row in CHART])
def test_an_account_has_the_code_type_and_normal_side_of_the_design(
    account: Account, code: str, kind: AccountType, side: Side
) -> None:
    """Reports and the proof find accounts by these codes; a wrong side turns a balance's sign."""
    assert (account.code, account.type, account.normal_side) == (code, kind, side)


@pytest.mark.parametrize(
    "code", ["", "Clearing:stripe", "clearing", "clearing:", "clearing:a b", "clearing:a\n", "9:a"]
)
def test_a_code_that_is_no_code_is_refused(code: str) -> None:
    """A misspelt account would hold money that nobody looks for."""
    with pytest.raises(ValidationError, match="code"):
        Account(code=code, type=AccountType.ASSET, normal_side=Side.DEBIT)


def test_an_account_cannot_be_changed() -> None:
    """What a posting rule names stays what it named."""
    with pytest.raises(ValidationError, match="frozen"):
        accounts.revenue_sales().code = "revenue:other"  # type: ignore[misc] # it is what is refused
