"""A file of fee rules that cannot be used is refused whole, with the line of each fault and what to do."""

from pathlib import Path

import pytest

from ledger import fee_rule_file
from ledger.fee_rules import FeeRules
from ledger.lined_yaml import FileFault

GATEWAYS = ("stripe", "paypal")
EXAMPLE = Path(__file__).parents[2] / "docs" / "fee-rules.yaml"
HEAD = """editions:
  - version: "2026-11"
    effective_from: 2026-11-01
    rules:
"""
STEPS = "{up_to_minor: {USD: 100}, percentage: 2}, {percentage: 1}"


def parsed(text: str) -> FeeRules:
    return fee_rule_file.parse(text, "f.yaml", GATEWAYS)


def rule(fields: str) -> str:
    return f"{HEAD}      - {{name: one, {fields}}}\n"


def test_the_example_of_the_documentation_can_be_used() -> None:
    """Whoever begins with the worked file begins with one that works, and that shows every field."""
    read = fee_rule_file.read(EXAMPLE, GATEWAYS)
    assert [edition.version for edition in read.editions] == ["2026-01", "2026-11"]
    used = {field for rule in read.editions[-1].rules for field in rule.model_fields_set}
    assert used == set(type(read.editions[-1].rules[0]).model_fields)
    asked = {field for rule in read.editions[-1].rules for field in rule.when.model_fields_set}
    assert asked == set(type(read.editions[-1].rules[0].when).model_fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1: the file is empty: write at least one edition, as docs/ledger.md shows"),
        ("editions: []", "line 1: editions: needs at least one entry: add it, or leave the whole field out"),
        (f"{HEAD}      []", "line 4: rules: needs at least one entry: add it, or leave the whole field out"),
        (rule("color: red"), "line 5: color: there is no such field: correct its name or leave it out"),
        (rule("percentage: lots"), "line 5: percentage: must be a valid decimal"),
        (rule("percentage: -1"), "line 5: percentage: must be greater than or equal to 0"),
        (rule("percentage: 101"), "line 5: percentage: must be less than or equal to 100"),
        (rule("percentage: 1.23456"), "line 5: percentage: Decimal input should have no more than 4 decimal places"),
        (rule("fixed_minor: {XYZ: 1}"), "line 5: XYZ: unknown currency 'XYZ': give an ISO 4217 code such as USD"),
        (rule("fixed_minor: {CREDIT: 1}"), "line 5: CREDIT: unknown currency 'CREDIT': give an ISO 4217 code such as USD"),
        (rule("fixed_minor: {USD: -1}"), "line 5: rules: has a fixed_minor below zero or too large: a fee is charged, not given"),
        (rule("minimum_minor: {USD: -1}"), "line 5: USD: must be greater than or equal to 0"),
        (rule("minimum_minor: {USD: 2}, maximum_minor: {USD: 1}"), "line 5: rules: minimum_minor is over maximum_minor: exchange them"),
        (rule("borne_by: nobody"), "line 5: borne_by: must be 'merchant', 'customer' or 'shared'"),
        (rule("borne_by: shared"), "line 5: rules: needs customer_share with borne_by: shared, and only with it"),
        (rule("customer_share: 50"), "line 5: rules: needs customer_share with borne_by: shared, and only with it"),
        (rule("borne_by: shared, customer_share: 100"), "line 5: customer_share: must be less than 100"),
        (rule("settled: later"), "line 5: settled: must be 'gross' or 'net'"),
        (rule("when: {card_funding: [gold]}"), "line 5: card_funding: is not written as it has to be: it must match ^(credit|debit|prepaid)$"),
        (rule("when: {card_brand: [visa, visa]}"), "line 5: card_brand: names the same thing twice: name it once"),
        (rule("when: {gateway: [adyen]}"), "line 5: gateway: there is no gateway adyen: use stripe or paypal"),
        (rule(f"percentage: 1, tiers: {{by: amount, steps: [{STEPS}]}}"), "line 5: rules: has a percentage and tiers: give one of them"),
        (rule("tiers: {by: moon, steps: [" + STEPS + "]}"), "line 5: by: must be 'amount' or 'volume'"),
        (rule("tiers: {by: amount, steps: [{percentage: 1}, {percentage: 2}]}"), "line 5: tiers: needs up_to_minor in every step but the last, which has no end"),
        (
            rule("tiers: {by: amount, steps: [{up_to_minor: {USD: 9}, percentage: 1}, {up_to_minor: {USD: 9}, percentage: 2}, {percentage: 1}]}"),
            "line 5: tiers: has a step that does not end above the one before it: order them",
        ),
        (
            rule("tiers: {by: amount, steps: [{up_to_minor: {USD: 9}, percentage: 1}, {up_to_minor: {EUR: 10}, percentage: 2}, {percentage: 1}]}"),
            "line 5: tiers: names other currencies in one step than in another: name the same in each",
        ),
        (rule("tiers: {by: amount, steps: [{up_to_minor: {USD: 0}, percentage: 1}, {percentage: 1}]}"), "line 5: tiers: has a first step that ends at zero: leave it out"),
        (f"{rule('percentage: 1')}      - {{name: one, percentage: 2}}\n", "line 6: name: there are two rules one: rename one"),
        (
            f"{rule('percentage: 1')}      - {{name: two, when: {{gateway: [stripe]}}}}\n",
            "line 6: name: rule two is never reached, since rule one above it takes all its purchases: move it up or leave it out",
        ),
        (
            rule("percentage: 1") + rule("percentage: 1").removeprefix("editions:\n").replace("2026-11-01", "2026-10-01"),
            "line 6: version: there are two editions 2026-11: rename one",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_line(text: str, expected: str) -> None:
    """The operator goes to the line and knows what to do; no fee is expected by the rest of the file."""
    with pytest.raises(FileFault) as refused:
        parsed(text)
    assert f"f.yaml {expected}" in refused.value.lines


def test_editions_are_in_order() -> None:
    """Which one is in force is never a question of how the file happens to be read."""
    second = rule("percentage: 1").removeprefix("editions:\n").replace('"2026-11"', "other")
    for begin, message in (
        ("2026-10-01", "begins before 2026-11, which stands above it: order them"),
        ("2026-11-01", "begin at the same moment: change one"),
    ):
        with pytest.raises(FileFault, match=f"f.yaml line 7: effective_from: .*{message}"):
            parsed(rule("percentage: 1") + second.replace("2026-11-01", begin))
