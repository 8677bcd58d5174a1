"""Reads a chart of accounts from YAML and holds it against the model and against itself, with the line of each fault."""

from pathlib import Path

from pydantic import ValidationError

from ledger import yaml_file
from ledger.chart import Chart
from ledger.chart_faults import faults_of
from ledger.errors import ChartFault
from ledger.yaml_file import Misread

DEFAULT = Path(__file__).parent / "chart.yaml"
"""The chart that ships."""
MAX_BYTES = 1_000_000


def read(path: Path = DEFAULT) -> Chart:
    """Read a chart; raises ChartFault with a line for each fault: where it is, and what to do."""
    try:
        text = yaml_file.read(path, "chart", MAX_BYTES)
    except Misread as error:
        raise ChartFault(str(error)) from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Chart:
    """Read the text of a chart; `source` is its name in messages. Raises ChartFault."""
    try:
        content = yaml_file.parse(text, source, "write at least what ledger/chart.yaml has")
    except Misread as error:
        raise ChartFault(str(error)) from None
    try:
        chart = Chart.model_validate(content.plain)
    except ValidationError as error:
        raise ChartFault(*content.of_model(error.errors(include_input=False, include_url=False))) from None
    faults = faults_of(chart)
    if faults:
        raise ChartFault(*content.listed(faults))
    return chart
