"""docs/adding-a-gateway.md, run as it stands: its adapter against its simulator, through the contract suite."""

import importlib.util
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import gateways.port
from local import process
from local.ports import free_port
from local.simulators import START_SECONDS, SimulatorProcess
from tests.gateways import test_amounts_sent, test_answers, test_faults, test_payments, test_refunds, test_repeats
from tests.gateways.cases import AUTHORIZE, CAPTURE, CASES, REFUND, VOID, GatewayCase, Traits, money

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-gateway.md").read_text()
ADAPTER, SIMULATOR, LINE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PATHS = {
    AUTHORIZE: "/payments/*/operations",
    CAPTURE: "/payments/*/operations",
    VOID: "/payments/*/operations",
    REFUND: "/payments/*/operations",
}


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The page's adapter, as a module."""
    file = tmp_path_factory.mktemp("adapter") / "till.py"
    file.write_text(ADAPTER)
    specification = importlib.util.spec_from_file_location("till", file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """The page's simulator, as a process."""
    directory = tmp_path_factory.mktemp("simulator")
    file = directory / "till.py"
    file.write_text(SIMULATOR)
    port = free_port()
    command = [sys.executable, str(file), "--port", str(port), "--state", str(directory / "state")]
    running = process.start(
        "Till simulator", command, log=directory / "log", environment={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    with SimulatorProcess(running, port) as started:
        running.wait_healthy(started.is_healthy, START_SECONDS)
        yield started


@pytest.fixture
async def till(
    adapter: ModuleType, simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayCase]:
    """Till in the suite, with the entry that the page asks for."""
    traits = Traits(
        make=lambda url, timeout_seconds: adapter.TillGateway("key", url, timeout_seconds),
        wrong_credentials=lambda url: adapter.TillGateway("wrong", url, 5.0),
        pays="good",
        card="good",
        needs_action="",
        refund_pends="",
        refund_fails="",
        failed_action_code="",
        absent_customer_code="",
        declines={"declined": ("insufficient_funds", None)},
        paths=PATHS,
        create_path="/payments",
        untaken_currency="JPY",
        amounts=(money("12.34"), money("0.05", "EUR")),
        unwritable=money("1.234", "KWD"),
    )
    monkeypatch.setitem(CASES, "till", traits)
    simulator.reset()
    case = GatewayCase("till", simulator)
    yield case
    await case.gateway.close()


@pytest.mark.simulator
async def test_the_page_s_gateway_does_what_the_contract_says(till: GatewayCase) -> None:
    """The adapter of the page, copied as it stands, keeps the contract where nothing goes wrong."""
    await test_payments.test_create_moves_no_money(till)
    await test_payments.test_capture_of_an_authorization(till, "40.00")
    await test_payments.test_second_capture(till)
    await test_payments.test_void(till)
    await test_refunds.test_refunds(till, ["30.00", "70.00"])
    await test_refunds.test_refund_of_more_than_is_left(till)
    await test_amounts_sent.test_exponents(till)
    await test_amounts_sent.test_too_precise_amounts(till)
    till.simulator.reset()
    await test_answers.test_decline(till, AUTHORIZE, "declined", "insufficient_funds", None)


@pytest.mark.simulator
@pytest.mark.parametrize("fault", sorted(test_faults.FAULTS))
@pytest.mark.parametrize("operation", ["capture", "refund"])
async def test_the_page_s_gateway_survives_faults(till: GatewayCase, operation: str, fault: str) -> None:
    """The adapter of the page tells what is known of an effect, and reading settles what is not."""
    await test_faults.test_fault(till, operation, fault)


@pytest.mark.simulator
@pytest.mark.parametrize("operation", sorted(test_faults.OPERATIONS))
async def test_the_page_s_gateway_does_nothing_twice(till: GatewayCase, operation: str) -> None:
    """The adapter of the page does an operation once, however often it is asked."""
    await test_repeats.test_same_operation_twice(till, operation)


@pytest.mark.simulator
async def test_the_page_s_gateway_names_wrong_credentials(till: GatewayCase) -> None:
    """The adapter of the page names the setting that is wrong."""
    await test_faults.test_wrong_credentials(till)


def test_the_page_speaks_of_what_there_is() -> None:
    """Every file that the page names exists, but the ones that it adds, and every method of the port is in its adapter."""
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|md))`", PAGE))
    missing = {name for name in named if not (ROOT / name).exists()}
    assert missing == {"gateways/till.py", "gateways/records/till.py", "simulators/till.py"}
    methods = {name for name in vars(gateways.port.Gateway) if not name.startswith("_")} - {"name", "capabilities"}
    assert methods == set(re.findall(r"async def ([a-z]\w+)\(", ADAPTER))


def test_the_page_s_line_fits_among_the_adapters() -> None:
    """The line is an entry of the dictionary that makes them."""
    adapters = (ROOT / "gateways" / "adapters.py").read_text()
    assert re.search(r'^        "paypal": PayPalGateway\(', adapters, re.MULTILINE)
    entry = compile(f"{{{LINE}}}", "adapters.py", "eval")
    assert "TillGateway" in entry.co_names
