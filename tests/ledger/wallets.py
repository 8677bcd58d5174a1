"""Wallets of customers: guarded accounts that tests fill, spend from, hold on and freeze."""

from ledger.accounts import Account, AccountType, Side
from ledger.entries import Entry, Line, credit, debit
from ledger.money import Money
from tests.ledger.samples import HAPPENED, usd

SALES = Account(code="revenue:sales", type=AccountType.REVENUE, normal_side=Side.CREDIT)
BANK = Account(code="bank:main", type=AccountType.ASSET, normal_side=Side.DEBIT)


def wallet(owner: str = "ada") -> Account:
    """What a user has with us."""
    return Account(code=f"wallet:user:{owner}", type=AccountType.LIABILITY, normal_side=Side.CREDIT)


def entry(reference: str, *lines: Line, rule: str = "moved") -> Entry:
    """An entry of these lines."""
    return Entry(
        reference=reference, rule=rule, description="moved", event_at=HAPPENED, actor="person:alice", lines=lines
    )


def filled(reference: str, amount_minor: int, owner: str = "ada") -> Entry:
    """Money that comes into a wallet."""
    return entry(reference, debit(BANK, usd(amount_minor)), credit(wallet(owner), usd(amount_minor)))


def spent(reference: str, amount_minor: int, owner: str = "ada", currency: str = "USD") -> Entry:
    """Money that is taken from a wallet for something sold."""
    money = Money(amount_minor=amount_minor, currency=currency)
    return entry(reference, debit(wallet(owner), money), credit(SALES, money))
