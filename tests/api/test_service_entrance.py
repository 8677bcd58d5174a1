"""Who may post over HTTP: a service with a key that is known, on its own accounts, under its own references, and nobody else."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ledger import service_file
from ledger.service import LOCAL_KEY, digest
from local.ports import free_port
from local.process import ROOT
from tests.api.conftest import environment, running
from tests.api.shop import DAY, KEY, NEXT_KEY, SERVICES, TILL_KEY, Shop, entry, fresh, line
from tests.conftest import Database

ROUTES = ["postings", "conversions", "credit-purchases", "credit-spendings"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "authorization", ["", "Bearer", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {digest(KEY)}", "Bearer " + "k" * 5000]
)
async def test_nobody_posts_without_a_key(shop: Shop, route: str, authorization: str) -> None:
    """Not with none, a wrong one, or what the file has of one; and the body is not even read."""
    answer = await shop.send(route, b"{", authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.text == "give the key of a service that is known here: Authorization: Bearer KEY\n"


async def test_nobody_reads_without_a_key(shop: Shop) -> None:
    """A balance is nobody's business."""
    for path in ("accounts/wallet:user:ada/USD", "entries/shop/1"):
        assert (await replace(shop, key="x").get(path)).status_code == 401


async def test_an_old_and_a_new_key_are_good_together(shop: Shop) -> None:
    """A key is changed without a moment in which nobody can post; the entries are of the same service."""
    one = entry()
    assert (await shop.post(one)).status_code == 201
    assert (await replace(shop, key=NEXT_KEY).post(one)).status_code == 200
    assert (await shop.get(f"entries/{one['entry_reference']}")).json()["actor"] == "service:shop"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": [line("bank:main", "debit"), line("clearing:stripe", "credit")]}, "service shop has no account clearing:stripe"),
        ({"lines": [line("bank:main", "debit"), line("revenue:sales", "credit")]}, "service shop has no account revenue:sales"),
        ({"lines": [line("bank:a:b", "debit"), line("revenue:shop", "credit")]}, "service shop has no account bank:a:b"),
        ({"conditions": [{"code": "exchange:EUR", "currency": "USD", "at_least_minor": 1}]}, "no account exchange:EUR"),
        ({"entry_reference": "order-1"}, "entry reference order-1 must begin with shop/"),
        ({"entry_reference": "ch_1:capture:1"}, "entry reference ch_1:capture:1 must begin with shop/"),
        ({"entry_reference": "adjustment/a1"}, "must begin with shop/"),
        ({"reverses": "till/1"}, "entry reference till/1 must begin with shop/"),
    ],
)  # fmt: skip
async def test_a_service_moves_its_own_only(shop: Shop, changes: dict[str, Any], message: str) -> None:
    """Not a gateway's facts, not another's references: and nothing of the request is written."""
    before = shop.entries()
    answer = await shop.post(entry(), entry() | changes, together=False)
    assert answer.status_code == 403
    assert message in answer.text
    assert shop.entries() == before


async def test_a_rule_of_another_kind_does_not_open_its_door(shop: Shop) -> None:
    """An entry that calls itself an adjustment is refused by the database, which asks for the approval."""
    answer = await shop.post(entry(rule="adjustment"))
    assert answer.status_code == 422
    assert "by its own approval only" in answer.json()["entries"][0]["message"]


async def test_services_are_apart(shop: Shop) -> None:
    """One reads neither the accounts nor the entries of another, and tells no facts that it was not given."""
    one = entry()
    await shop.post(one)
    till = replace(shop, key=TILL_KEY)
    assert (await till.get(f"entries/{one['entry_reference']}")).status_code == 404
    assert (await till.get("accounts/bank:main/USD")).status_code == 403
    answer = await till.send("credit-spendings", {})
    assert (answer.status_code, answer.text.partition(":")[0]) == (403, "service till may not post credit_spendings")
    sale = [line("bank:till", "debit"), line("revenue:till", "credit")]
    assert (await till.post(entry(fresh(), *sale) | {"entry_reference": f"till/{fresh()}"})).status_code == 201


async def test_the_ids_of_facts_are_a_services_own(shop: Shop) -> None:
    """No service takes the id of another's conversion."""
    spent = {"spending_id": "1", "customer": "c", "credits": {"amount": "1", "currency": "CREDIT"}, "event_at": DAY}
    answer = await shop.send("credit-spendings", spent)
    assert (answer.status_code, answer.text) == (403, "spending_id 1 must begin with shop.\n")


async def test_without_services_nobody_may_post(database: Database, tmp_path: Path) -> None:
    """The routes say what to set, whatever key comes."""
    with running(database.app_url, tmp_path / "log") as service:
        async with httpx.AsyncClient(base_url=service.url, trust_env=False) as http:
            for route in ROUTES:
                answer = await http.post(f"/ledger/{route}", headers={"authorization": f"Bearer {KEY}"}, json={})
                assert (answer.status_code, answer.text) == (404, "no service may post here: set SERVICES_FILE\n")
            assert (await http.get("/ledger/entries/shop/1")).status_code == 404


def refused(file: Path, **changes: str) -> list[str]:
    """Start the service with a file that it cannot use, and return what it says."""
    variables = environment(
        "postgresql://nobody@127.0.0.1:1/nothing", SERVICES_FILE=str(file), API_PORT=str(free_port()), **changes
    )
    ended = subprocess.run(
        [sys.executable, "-m", "api"], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    return ended.stderr.splitlines()


@pytest.mark.system
def test_a_file_with_a_fault_is_refused_whole(tmp_path: Path) -> None:
    """The service does not start with half of its services."""
    path = tmp_path / "services.yaml"
    path.write_text("services:\n  - name: shop\n    keys: [secret]\n    accounts: ['clearing:*']\n")
    assert refused(path) == [f"{path} line 3: keys: is not written as it has to be: it must match ^[0-9a-f]{{64}}$"]
    assert refused(tmp_path / "none.yaml") == [
        f"{tmp_path / 'none.yaml'} cannot be read (No such file or directory): name a services file"
    ]


@pytest.mark.system
def test_the_key_that_everybody_knows_opens_the_local_system_only(tmp_path: Path) -> None:
    """What ships for a first look never lets anybody into real books."""
    path = tmp_path / "services.yaml"
    [shop, *_] = SERVICES["services"]
    path.write_text(yaml.safe_dump({"services": [shop | {"keys": [digest(LOCAL_KEY)]}]}))
    real = {"PAYPAL_API_BASE": "https://api-m.paypal.com", "PAYPAL_CLIENT_ID": "c", "PAYPAL_CLIENT_SECRET": "s"}
    [said] = refused(path, **real)
    assert said.startswith(f"{path} lists the key of the local system, which everybody knows")


def test_the_local_system_has_a_service() -> None:
    """Its file is in order, and the key that is told in the docs opens it."""
    read = service_file.read(Path(ROOT) / "local" / "services.yaml")
    found = read.by_key(LOCAL_KEY)
    assert found is not None
    assert (found.name, found.may_move("wallet:ada"), found.may_move("clearing:stripe")) == ("local", True, False)
    assert service_file.read(Path(ROOT) / "deploy" / "services.yaml").services == ()
