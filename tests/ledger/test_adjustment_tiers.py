"""The amounts up to which one approval is enough: from the settings into the database, with all that was so before."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ledger import adjustment_tiers
from ledger.money import MoneyError
from tests.conftest import Database

NOW = "SELECT DISTINCT ON (currency) currency, one_approval_up_to_minor FROM adjustment_tiers ORDER BY currency, set_at DESC"


@pytest.mark.parametrize(
    ("setting", "tiers"),
    [
        ("", {}),
        ("USD=1000.00", {"USD": 100_000}),
        ("USD=0.01, JPY=100000,KWD=1.5", {"USD": 1, "JPY": 100_000, "KWD": 1500}),
    ],
)
def test_amounts_are_exact(setting: str, tiers: dict[str, int]) -> None:
    """Each currency has its own decimal places."""
    assert adjustment_tiers.parse(setting) == tiers


@pytest.mark.parametrize("setting", ["USD=0", "USD=1.001", "JPY=1.5", "XXY=1", "USD=99999999999999"])
def test_an_amount_that_cannot_be_is_refused_in_a_line(setting: str) -> None:
    """Whoever sets it learns what is wrong before anything is changed."""
    with pytest.raises(MoneyError) as refused:
        adjustment_tiers.parse(setting)
    assert "\n" not in str(refused.value)


def test_what_the_settings_say_counts_from_then_on(database: Database, superuser: psycopg.Connection) -> None:
    """A change, and a currency that is listed no more, is a new row; the old ones tell by what was decided then."""
    for tiers in ({"USD": 100, "EUR": 100}, {"USD": 100, "EUR": 100}, {"USD": 200}, {"USD": 200}):
        adjustment_tiers.bring_up_to_date(database.superuser_url, tiers)
    assert superuser.execute(NOW.encode()).fetchall() == [("EUR", None), ("USD", 200)]
    history = superuser.execute(
        "SELECT currency, one_approval_up_to_minor, set_by FROM adjustment_tiers ORDER BY currency, set_at"
    ).fetchall()
    assert history == [
        ("EUR", 100, "postgres"),
        ("EUR", None, "postgres"),
        ("USD", 100, "postgres"),
        ("USD", 200, "postgres"),
    ]


def test_two_that_set_them_at_once_set_them_once(database: Database, superuser: psycopg.Connection) -> None:
    """Several machines may start at once."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(adjustment_tiers.bring_up_to_date, [database.superuser_url] * 4, [{"USD": 100}] * 4))
    assert superuser.execute("SELECT count(*) FROM adjustment_tiers").fetchall() == [(1,)]
