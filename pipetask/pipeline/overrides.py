"""Applying configuration overrides: a field's value, a file, Python code; and saying what does not fit."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from sys import modules
from types import SimpleNamespace
from typing import Any

from lsst.pex.config import Config, DictField, FieldValidationError, ListField
from lsst.pex.config.callStack import StackFrame

from pipetask.butler import suggest
from pipetask.errors import ConfigOverrideError, described, headline, text_of
from pipetask.pipeline.document import Override, expanded

_PARAMETER = "parameters."

_NO_ATTRIBUTE = re.compile(r"has no attribute '?(\w+)'?$")

log = logging.getLogger(__name__)


def apply(
    config: Any, override: Override, parameters: Mapping[str, Any], label: str, fixed: Mapping[str, str]
) -> None:
    """Apply one override to the configuration of the task ``label``.

    Parameters
    ----------
    config : `Config`
        Changed in place; its history tells where each value comes from.
    override : `Override`
        What to change.
    parameters : mapping
        The pipeline's parameters; a value ``parameters.name`` stands for one of them.
    label : `str`
        The task's label, for messages.
    fixed : mapping
        Dimensions that have the same value in all quanta of the pipeline, with that value. An override for
        other data is left out.

    Raises
    ------
    ConfigOverrideError
        If a field is unknown, a value has the wrong type, a file or code fails, or the override is for data
        that only a part of the quanta may have.
    """
    where = f"{override.place}: task {label!r}"
    if override.data_id is not None and not _is_for(override.data_id, fixed, where):
        log.info("%s: %s is left out: it is for %s", where, _called(override), dict(override.data_id))
        return
    if override.kind == "value":
        _set_field(config, override, _filled_in(override.value, parameters, where), where)
    elif override.kind == "file":
        path = Path(expanded(override.value))
        try:
            code = path.read_bytes()
        except OSError as err:
            raise ConfigOverrideError(
                f"{where}: cannot read the config file {str(path)!r}: {err.strerror}"
            ) from err
        names = {"parameters": SimpleNamespace(**parameters)}
        _run(config, code, str(path), str(path), names, where)
    else:
        names = _names_beside(config) | {"parameters": SimpleNamespace(**parameters)}
        _run(config, override.value, f"{override.place}", override.place.file, names, where)


def _is_for(data_id: Mapping[str, str | int], fixed: Mapping[str, str], where: str) -> bool:
    """Whether what holds for some data holds for all quanta of a pipeline: for all, or for none."""
    if any(name in fixed and fixed[name] != value for name, value in data_id.items()):
        return False
    for name in data_id:
        if name == "instrument" and name not in fixed:
            raise ConfigOverrideError(
                f"{where}: a config block is for {dict(data_id)}, and the pipeline has no instrument; name "
                "it, by the key 'instrument' of the pipeline or --instrument"
            )
        if name not in fixed:
            raise ConfigOverrideError(
                f"{where}: a config block is for {dict(data_id)}, but a task has one configuration for all "
                f"its quanta, and {name!r} is not the same in all of them; name the instrument alone, or "
                "write a pipeline that imports this one for those data"
            )
    return True


def _called(override: Override) -> str:
    return repr(override.name or override.kind)


def _names_beside(config: Any) -> dict[str, Any]:  # whatever the module defines
    """Return what the module of the configuration's class defines: existing pipelines use it in Python."""
    defined = vars(modules[type(config).__module__])
    return {name: value for name, value in defined.items() if not name.startswith("__") and name != "config"}


def _filled_in(value: Any, parameters: Mapping[str, Any], where: str) -> Any:
    if not (isinstance(value, str) and value.startswith(_PARAMETER)):
        return value
    name = value.removeprefix(_PARAMETER)
    if name not in parameters:
        raise ConfigOverrideError(
            f"{where}: the pipeline has no parameter {name!r}{suggest(name, parameters)}"
        )
    return parameters[name]


def _run(config: Any, code: str | bytes, name: str, file: str, names: dict[str, Any], where: str) -> None:
    try:
        config.loadFromString(compile(code, name, "exec"), filename=file, extraLocals=names)
    except (Exception, SystemExit) as err:
        reason = f"{described(err)}{_meant(err, config)}"
        if isinstance(err, FieldValidationError):
            reason = f"config field {err.fullname!r}: {_reason(err)}"
        raise ConfigOverrideError(f"{where}: {name!r} failed{_line(err, name)}: {reason}") from err


def _meant(err: BaseException, config: Any) -> str:
    """Suggest a field where Python code names one that is not there."""
    missing = _NO_ATTRIBUTE.search(text_of(err)) if isinstance(err, AttributeError) else None
    return suggest(missing[1], _all_fields(config)) if missing else ""


def _all_fields(config: Any) -> set[str]:
    """Return the names of the fields of a configuration and of its parts."""
    fields = _fields(config)
    held = getattr(config, "value", config)
    return {*fields, *(name for field in fields for name in _all_fields(getattr(held, field)))}


def _line(err: BaseException, name: str) -> str:
    """Return the line of the executed code that raised ``err``, as words."""
    if isinstance(err, SyntaxError) and err.lineno:
        return f" in line {err.lineno}"
    found, trace = 0, err.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            found = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {found}" if found else ""


def _set_field(config: Any, override: Override, value: Any, where: str) -> None:
    *outer, last = override.name.split(".")
    holder = config
    for part in outer:
        holder = _member(holder, part, override.name, where)
    field = _fields(holder).get(last)
    if field is None:
        _member(holder, last, override.name, where)  # an unknown one raises, with a suggestion
    at = [StackFrame(override.place.file, override.place.line, "override", f"{override.name}={value!r}")]
    if isinstance(value, str) and field is not None:
        value = _typed(value, field)
    if override.concatenate:
        value = _added(getattr(holder, last), value, field, override.name, where)
    try:
        holder.__setattr__(last, value, at=at) if field is not None else setattr(holder, last, value)
    except Exception as err:  # checks of fields are the task's own code
        reason = _reason(err) if isinstance(err, FieldValidationError) else headline(text_of(err))
        raise ConfigOverrideError(
            f"{where}: config field {override.name!r} cannot be {value!r}; "
            f"it takes {_expected(field)} ({reason})"
        ) from err


def _added(held: Any, value: Any, field: Any, name: str, where: str) -> Any:  # lists or dictionaries
    """Return what a field holds with more of it."""
    if isinstance(field, ListField) and isinstance(value, list | tuple):
        return [*(held or ()), *value]
    if isinstance(field, DictField) and isinstance(value, dict):
        return {**(held or {}), **value}
    raise ConfigOverrideError(
        f"{where}: config field {name!r} cannot have {value!r} added (concatenate: true); that needs a list "
        f"or dictionary, and a field that takes one (it takes {_expected(field)})"
    )


def _member(holder: Any, name: str, path: str, where: str) -> Any:
    if name.isidentifier() and not name.startswith("_"):
        try:
            return getattr(holder, name)
        except AttributeError:
            pass
    known = _fields(holder)
    what = f"{path!r}" if path == name else f"{name!r} (of {path!r})"
    listed = ", ".join(known) or "none"
    raise ConfigOverrideError(
        f"{where}: there is no config field {what} (known: {listed}){suggest(name, known)}"
    )


def _fields(holder: Any) -> Mapping[str, Any]:
    """Return the fields of a configuration, or of the one that a selected subtask has."""
    held = holder if isinstance(holder, Config) else getattr(holder, "value", None)
    return held._fields if isinstance(held, Config) else {}


def _typed(text: str, field: Any) -> Any:
    """Read a text as a value of the field's type; what cannot be read stays text, for the field to refuse."""
    if field.dtype is str:
        return None if text == "None" and field.optional else text
    if isinstance(field, ListField) and not text.lstrip().startswith(("[", "(")):
        return [part.strip() if field.itemtype is str else literal(part) for part in text.split(",")]
    return literal(text)


def literal(text: str) -> Any:
    """Read a Python literal, or true, false, nan, inf; anything else stays text."""
    text = text.strip()
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    for convert in (ast.literal_eval, float):
        try:
            return convert(text)
        except (ValueError, SyntaxError):
            pass
    return text


def _expected(field: Any) -> str:
    if field is None:
        return "no value"
    if isinstance(field, ListField):
        return f"a list of {field.itemtype.__name__}"
    return getattr(field.dtype, "__name__", str(field.dtype))


def _reason(err: FieldValidationError) -> str:
    first = str(err).partition("\n")[0]
    return first.partition("failed validation: ")[2] or first


def validated(config: Any, label: str) -> Any:
    """Validate and freeze the configuration of the task ``label``."""
    try:
        config.validate()
    except Exception as err:  # the task's own code
        what = described(err)
        if isinstance(err, FieldValidationError):
            what = f"field {err.fullname!r}: {_reason(err)}"
        elif isinstance(err, ValueError):
            what = headline(text_of(err))
        raise ConfigOverrideError(f"The configuration of task {label!r} is not valid: {what}") from err
    config.freeze()
    return config
