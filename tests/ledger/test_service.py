"""Services as data: their file is refused with the line of each fault, and no pattern takes in what posting rules book."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import service_file
from ledger.accounts import ANY, BOOKED_BY_RULES, bank, wallet
from ledger.lined_yaml import FileFault
from ledger.service import RESERVED, Service, Services, digest, new_key

KEYS = [digest(f"qk_{number}") for number in range(3)]


def text(accounts: str = "['wallet:*']", keys: str = KEYS[0], name: str = "shop", more: str = "") -> str:
    """A file of one service."""
    return f"services:\n  - name: {name}\n    keys: [{keys}]\n    accounts: {accounts}\n{more}"


def faults(given: str) -> list[str]:
    """What is said of a file."""
    with pytest.raises(FileFault) as fault:
        service_file.parse(given, "services.yaml")
    return list(fault.value.lines)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "line 1: the file is empty: write `services: []`"),
        ("services:\n", "line 1: services: must be a list, such as [wallet:user:*]"),
        (text(name="Shop"), "line 2: name: is not written as it has to be"),
        (text(name="adjustment"), "line 2: name: adjustment is what references of other things begin with: take another"),
        (text(keys=""), "line 3: keys: needs at least one entry"),
        (text(keys="qk_plain"), "line 3: keys: is not written as it has to be"),
        (text(keys=f"{KEYS[0]}, {KEYS[0]}"), "line 3: keys: this key is listed twice: each is one service's, once"),
        (text(accounts="[]"), "line 2: services: shop may do nothing: name its accounts, or give it `reads_events: true`"),
        (text(accounts="[wallet]"), "line 4: accounts: is not written as it has to be"),
        (text(accounts="['wallet:user*']"), "line 4: accounts: is not written as it has to be"),
        (text(more="    facts: [captured]\n"), "line 5: facts: must be 'conversions', 'credit_purchases' or 'credit_spendings'"),
        (text(more="    owner: alice\n"), "line 5: owner: there is no such field"),
        (text() + f"  - {{name: shop, keys: [{KEYS[1]}], accounts: ['bank:a']}}\n", "line 5: name: there are two services shop"),
        (text() + f"  - {{name: till, keys: [{KEYS[0]}], accounts: ['bank:a']}}\n", "line 5: keys: this key is listed twice"),
    ],
)  # fmt: skip
def test_a_file_is_refused_with_what_to_do(given: str, said: str) -> None:
    """The line, the field, and a way out."""
    [line] = faults(given)
    assert line.startswith(f"services.yaml {said}")


@pytest.mark.parametrize("code", sorted(RESERVED))
def test_what_posting_rules_book_is_no_services(code: str) -> None:
    """By its name, by a wildcard for any of its parts, or by one for a part of its own."""
    parts = code.replace(ANY, "EUR").split(":")
    patterns = [":".join(parts)] + [
        ":".join(["*" if place == wild else part for place, part in enumerate(parts)]) for wild in range(1, len(parts))
    ]
    for pattern in patterns:
        [line] = faults(text(accounts=f"['{pattern}']"))
        assert line.startswith(f"services.yaml line 4: accounts: {pattern} takes in ")
        assert line.endswith(", which posting rules book: name accounts of its own")


def test_every_account_of_the_rules_is_reserved_but_wallets_and_banks() -> None:
    """A posting rule that comes later is guarded without anybody thinking of it."""
    assert set(RESERVED) == {account.code for account in BOOKED_BY_RULES} - {wallet(ANY).code, bank(ANY).code}


PART = st.sampled_from(["a", "b", "c"])


@given(
    pattern=st.lists(st.one_of(PART, st.just("*")), min_size=1, max_size=3), code=st.lists(PART, min_size=1, max_size=3)
)
def test_a_wildcard_stands_for_one_part(pattern: list[str], code: list[str]) -> None:
    """Never for none, several, or a piece of one."""
    service = Service(name="shop", keys=(KEYS[0],), accounts=(":".join(["wallet", *pattern]),))
    fits = len(pattern) == len(code) and all(one in ("*", part) for one, part in zip(pattern, code, strict=False))
    assert service.may_move(":".join(["wallet", *code])) == fits


def test_keys_are_found_by_themselves_only() -> None:
    """Each key of each service, and nothing that is near one."""
    read = Services(
        services=(
            Service(name="shop", keys=(KEYS[0], KEYS[1]), accounts=("wallet:*",)),
            Service(name="till", keys=(KEYS[2],), accounts=("bank:till",)),
        )
    )
    names = [getattr(read.by_key(f"qk_{number}"), "name", None) for number in range(4)]
    assert names == ["shop", "shop", "till", None]
    assert read.by_key(KEYS[0]) is None
    assert read.by_key("") is None


def test_a_new_key_is_nobodys() -> None:
    """Two are never the same, and long enough not to be guessed."""
    assert len({new_key() for _ in range(100)}) == 100
    assert len(new_key()) >= 40
