"""Contracts: what is evaluated, what is refused, what a broken one says."""

from types import SimpleNamespace

import pytest

from pipetask.errors import ContractError
from pipetask.located_yaml import Place
from pipetask.pipeline.contracts import check_contracts, labels_of
from pipetask.pipeline.document import Contract

CONFIGS = {
    "a": SimpleNamespace(n=3, on=True, names=["x", "y"], limits={"low": 1}, sub=SimpleNamespace(r=1.5)),
    "b": SimpleNamespace(n=4, on=False, names=["x"], mode="fast"),
}


@pytest.mark.parametrize(
    "expression",
    [
        "a.n + 1 == b.n",
        "a.n < b.n <= 4",
        "a.on and not b.on",
        "b.on or a.sub.r > 1",
        "'x' in a.names and 'z' not in a.names",
        "len(a.names) == 2",
        "a.limits['low'] == -(-1)",
        "b.mode in ('fast', 'good')",
        "(1 if b.on else 2) == 2",
        "a.sub.r * 2 // 1 % 2 == 1 and a.sub.r / 3 - 0.5 == 0",
        "  b.mode is not None  ",
        "a.names[1:] == ['y'] and a.names[::-1][0] == 'y'",
        "max(a.n, b.n) == 4 and sorted(b.names + a.names) == ['x', 'x', 'y']",
        "set(b.names) | {'y'} == set(a.names) and set(b.names).issubset(a.names)",
        "b.mode.startswith('fa') and b.mode.upper() == 'FAST' and str(a.n) == '3'",
        "any(name == 'y' for name in a.names) and not all(n in b.names for n in a.names)",
        "[n + m for n in a.names if n != 'x' for m in b.names] == ['yx']",
        "{len(n) for n in a.names} == {1} and 'low' in a.limits.keys()",
        "[n for n in b.names] == ['x'] and a.n == 3",
        "[name for name, value in a.limits.items() if value == 1] == ['low']",
        "[n for n, (m, k) in [(1, (2, 3))] if m + n == k] == [1]",
        "f'{b.mode}_{a.n}' == 'fast_3' and f'{a.sub.r:.2f}' == '1.50' and f'{b.mode!r:>{a.n * 3}}'[:3] == \"   \"",
    ],
)
def test_contracts_that_hold(expression):
    check_contracts([Contract(expression)], CONFIGS)


@pytest.mark.parametrize(
    "expression",
    ["a.n == b.n", "a.n < b.n < 4", "a.on and b.on", "not a.on", "a.names == b.names", "a.n > 3 or b.on"],
)
def test_contracts_that_are_broken_say_their_message_and_place(expression):
    contract = Contract(expression, "n\n  counts\n", Place("p.yaml", 7))
    with pytest.raises(ContractError, match=r"p.yaml:7: the contract .* is broken: n counts$"):
        check_contracts([contract], CONFIGS)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('ls')",
        "a.__class__",
        "a.n.__class__.__base__",
        "[a.n for b.n in a.names]",
        "[x for x, y in a.names]",
        "f'{a.n:999999999d}'",
        "f'{a.n:{a.n}{\"9\" * 8}d}'",
        "f'{a.__class__}'",
        "sum(1 for p in b.names * 99 for q in b.names * 99 for r in b.names * 99) > 0",
        "a.names.sort()",
        "a.sub.keys()",
        "'{}'.format(a.n)",
        "(lambda: 1)()",
        "a.names.append('z')",
        "open('/etc/passwd')",
        "2 ** 10 ** 10",
        "(a := 3)",
    ],
)
def test_nothing_else_is_evaluated(expression):
    labels = {name: SimpleNamespace() for name in ("__import__", "open", "x")}
    with pytest.raises(ContractError, match=r"has a|has an|cannot be evaluated|no expression"):
        check_contracts([Contract(expression)], {**CONFIGS, **labels})
    assert CONFIGS["a"].names == ["x", "y"]


def test_a_contract_on_a_missing_label_names_it():
    with pytest.raises(ContractError, match="speaks of 'aa', which is no task of the pipeline"):
        check_contracts([Contract("aa.n == 3")], CONFIGS)


def test_a_contract_on_a_missing_field_says_so():
    with pytest.raises(ContractError, match=r"cannot be evaluated: .*'m'"):
        check_contracts([Contract("a.m == 3")], CONFIGS)


def test_what_is_no_expression_is_refused_with_its_column():
    with pytest.raises(ContractError, match=r"is no expression: .*column"):
        labels_of(Contract("a.n === 3"))


def test_labels_are_the_names_of_tasks():
    assert labels_of(Contract("len(a.names) == b.n and a.on")) == {"a", "b"}
    assert labels_of(Contract("f'{a.n}' in b.names and [x for x, y in a.limits.items()]")) == {"a", "b"}
    assert labels_of(Contract("any(x in b.names for x in a.names)")) == {"a", "b"}


def test_existing_contracts_may_ask_for_dataset_type_names(pipeline):
    expression = (
        "calibrate.connections.ConnectionsClass(config=calibrate).schema.name == "
        "focalPlane.connections.ConnectionsClass(config=focalPlane).schema.name"
    )
    configs = {label: config for label, (_, config) in pipeline.configured().items()}
    check_contracts([Contract(expression)], configs)
    with pytest.raises(ContractError, match="is broken"):
        check_contracts([Contract(expression.replace("==", "!="))], configs)
