"""Contracts: conditions on the configurations of several tasks."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pipetask.butler import suggest
from pipetask.errors import ContractError, described
from pipetask.pipeline.contract_expression import NotAllowedError, evaluated, names_in
from pipetask.pipeline.document import Contract

_SHOWN = 200  # characters of an expression in a message


def labels_of(contract: Contract) -> set[str]:
    """Return the task labels that a contract speaks of."""
    return names_in(_tree(contract))


def with_labels(contract: Contract, names: Mapping[str, str]) -> Contract:
    """Return a contract with other labels for some tasks."""
    if labels_of(contract).isdisjoint(names):
        return contract
    tree = _tree(contract)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return replace(contract, expression=ast.unparse(tree))


def check_contracts(contracts: Iterable[Contract], configs: Mapping[str, Any]) -> None:
    """Evaluate contracts on the configurations of tasks by label.

    Raises
    ------
    ContractError
        If one is broken (the message has its ``msg``), or cannot be evaluated.
    """
    for contract in contracts:
        tree = _tree(contract)
        for label in sorted(labels_of(contract)):
            if label not in configs:
                raise ContractError(
                    f"{_named(contract)} speaks of {label!r}, "
                    f"which is no task of the pipeline{suggest(label, configs)}"
                )
        try:
            kept = evaluated(tree.body, configs)
        except NotAllowedError as err:
            raise ContractError(f"{_named(contract)} has {err}") from None
        except Exception as err:
            raise ContractError(f"{_named(contract)} cannot be evaluated: {described(err)}") from err
        if not kept:
            why = f": {' '.join(contract.msg.split())}" if contract.msg else ""
            raise ContractError(f"{_named(contract)} is broken{why}")


def _tree(contract: Contract) -> ast.Expression:
    try:
        return ast.parse(contract.expression.strip(), mode="eval")
    except SyntaxError as err:
        column = f" (column {err.offset})" if err.offset else ""
        raise ContractError(f"{_named(contract)} is no expression: {err.msg}{column}") from err
    except (MemoryError, RecursionError) as err:
        raise ContractError(f"{_named(contract)} is nested too deeply") from err


def _named(contract: Contract) -> str:
    """Return where a contract is and what it says, as the beginning of a message."""
    text = contract.expression
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{contract.place}: the contract {shown!r}"
