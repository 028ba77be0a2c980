"""The YAML of an export: a safe loader and dumper that know its tags (times, timespans, regions, ids)."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

import numpy as np
import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError
from yaml.events import (
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from registry.timespan import MAX_NS, MIN_NS, Timespan

TIME, TIMESPAN, REGION, ID = "!butler_time/tai/iso", "!lsst.daf.butler.Timespan", "lsst.sphgeom.", "!uuid"

# The parser and emitter written in C are ten times faster; both pairs are safe ones.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = frozenset({"n", "no", "null", "off", "on", "true", "false", "y", "yes"})  # no texts, unless quoted
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class TaiTime:
    """A time, as nanoseconds since 1970-01-01T00:00:00 TAI."""

    ns: int


@dataclass(frozen=True, slots=True)
class EncodedRegion:
    """A region on the sky: the name of its class, and its bytes."""

    kind: str
    encoded: bytes


class ExportLoader(_Loader):
    """Reads exports, a value at a time. Other tags than those of the format are errors.

    Nodes are composed of the parser's events in Python: the composer written in C makes all of a document
    at once, which takes more time, and kilobytes of memory for each of its records.
    """

    compose_node = Composer.compose_node
    compose_scalar_node = Composer.compose_scalar_node
    compose_sequence_node = Composer.compose_sequence_node
    compose_mapping_node = Composer.compose_mapping_node

    def __init__(self, content: str | bytes | IO[bytes]) -> None:
        super().__init__(content)
        self.anchors: dict[str, Any] = {}

    def value(self) -> Any:
        """Return the value that comes next."""
        return self.construct_document(self.compose_node(None, 0))

    def mapping(self, value_of: Callable[[Any], Any]) -> Any:
        """Return a mapping whose values are read by a function that is told their key; or another value."""
        if not self._enters(MappingStartEvent):
            return self.value()
        found = {}
        while not self.check_event(MappingEndEvent):
            key = self.value()
            if not isinstance(key, str):
                raise yaml.YAMLError(f"{key!r} is not the name of anything")
            found[key] = value_of(key)
        self.get_event()
        return found

    def sequence(self, item: Callable[[], Any]) -> Any:
        """Return a list whose items are read by a function; or another value."""
        if not self._enters(SequenceStartEvent):
            return self.value()
        found = []
        while not self.check_event(SequenceEndEvent):
            found.append(item())
        self.get_event()
        return found

    def _enters(self, kind: type[CollectionStartEvent]) -> bool:
        event = self.peek_event()
        # One with an anchor may be repeated later: it is to be composed.
        is_plain = isinstance(event, kind) and event.implicit and event.anchor is None
        if is_plain:
            self.get_event()
        return is_plain


class ExportDumper(_Dumper):
    """Writes exports."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: anchors would be noise."""
        return True


def _same(value: Any) -> Any:
    return value


def load(content: str | bytes | IO[bytes], compact: Callable[[Any], Any] = _same) -> Any:
    """Return what an export says; `yaml.YAMLError` if it is not YAML, or has tags of another kind.

    Parameters
    ----------
    content : `str`, `bytes` or binary file
        The export.
    compact : callable, optional
        What becomes of each item of a list in an entry of ``data``, once it is read.
    """
    loader = ExportLoader(content)
    try:
        loader.get_event()  # the stream begins
        if loader.check_event(StreamEndEvent):
            return None
        loader.get_event()  # the document begins

        def list_of_entry(_key: str) -> Any:
            return loader.sequence(lambda: compact(loader.value()))

        def value_of(key: str) -> Any:
            if key != "data":
                return loader.value()
            return loader.sequence(lambda: loader.mapping(list_of_entry))

        found = loader.mapping(value_of)
        loader.get_event()  # the document ends
        if not loader.check_event(StreamEndEvent):
            raise yaml.YAMLError("a second document follows")
    except RecursionError:
        raise yaml.YAMLError("values are nested too deeply") from None
    finally:
        loader.dispose()
    return found


def dump(content: Any) -> str:
    """Return the YAML of plain values, `TaiTime`, `Timespan`, `EncodedRegion` and `~uuid.UUID`."""
    text: str = yaml.dump(content, Dumper=ExportDumper, sort_keys=False, allow_unicode=True)
    return text


def flow(value: Any) -> str:
    """Return the YAML of a value on one line: what `dump` writes, a hundred times faster."""
    kind = type(value)
    if kind is str:
        # Quoted, so that it is never taken for a number or a time; YAML reads what JSON has.
        text = json.dumps(value, ensure_ascii=False)
        return text if text.isprintable() else "".join(map(_escaped, text))
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return _float(value)
    if kind is TaiTime:
        return f"{TIME} '{_iso(value.ns)}'"
    if kind is EncodedRegion:
        return f'!<{value.kind}> {{encoded: "{value.encoded.hex()}"}}'
    if kind is UUID:
        return f"{ID} '{value}'"
    if kind is bytes:
        return f'!!binary "{base64.b64encode(value).decode()}"'
    if kind is Timespan:
        begin, end = map(tai_time, value.nsec)
        return f"{TIMESPAN} {{begin: {flow(begin)}, end: {flow(end)}}}"
    if isinstance(value, dict):
        return f"{{{', '.join([f'{_key(name)}: {flow(each)}' for name, each in value.items()])}}}"
    return f"[{', '.join(map(flow, value))}]"


def _escaped(character: str) -> str:
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _key(name: str) -> str:
    return name if name.isidentifier() and name not in _WORDS else json.dumps(name)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _iso(ns: int) -> str:
    return str(np.datetime64(ns, "ns")).replace("T", " ")


def tai_time(ns: int) -> TaiTime | None:
    """Return a bound of a timespan; `None` if it is unbounded."""
    return None if ns in (MIN_NS, MAX_NS) else TaiTime(ns)


def timespan_of(begin: Any, end: Any) -> Timespan | None:
    """Return the timespan of two times, `None` for both of which is no timespan."""
    if begin is None and end is None:
        return None
    return Timespan.from_ns(_ns(begin, MIN_NS), _ns(end, MAX_NS))


def _ns(time: Any, unbounded: int) -> int:
    if time is None:
        return unbounded
    if isinstance(time, TaiTime):
        return time.ns
    if isinstance(time, dt.datetime):  # old files have YAML's own times, in UTC
        from astropy.time import Time

        from registry.timespan import time_to_ns

        utc = time.astimezone(dt.UTC).replace(tzinfo=None) if time.tzinfo else time
        return time_to_ns(Time(utc, scale="utc"))
    raise ValueError(f"{time!r} is no time")


def _read_time(loader: Any, node: Any) -> TaiTime:
    text = loader.construct_scalar(node)
    return TaiTime(int(np.datetime64(str(text).replace(" ", "T"), "ns").astype(np.int64)))


def _read_timespan(loader: Any, node: Any) -> Timespan:
    bounds = loader.construct_mapping(node, deep=True)
    return timespan_of(bounds.get("begin"), bounds.get("end")) or Timespan.from_ns()


def _read_region(loader: Any, suffix: str, node: Any) -> EncodedRegion:
    return EncodedRegion(REGION + suffix, bytes.fromhex(loader.construct_mapping(node)["encoded"]))


def _read_id(loader: Any, node: Any) -> UUID:
    return UUID(loader.construct_scalar(node))


def _placed(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a constructor whose errors say where in the file they are; the node is its last argument."""

    def constructor(*arguments: Any) -> Any:
        try:
            return read(*arguments)
        except (KeyError, TypeError, ValueError) as err:
            node = arguments[-1]
            problem = f"{node.tag} cannot be read ({type(err).__name__}: {err})"
            raise ConstructorError(None, None, problem, node.start_mark) from err

    return constructor


ExportLoader.add_constructor(TIME, _placed(_read_time))
ExportLoader.add_constructor(TIMESPAN, _placed(_read_timespan))
ExportLoader.add_constructor(ID, _placed(_read_id))
ExportLoader.add_multi_constructor(REGION, _placed(_read_region))


def _write_time(dumper: Any, time: TaiTime) -> Any:
    return dumper.represent_scalar(TIME, _iso(time.ns), style="'")


def _write_timespan(dumper: Any, timespan: Timespan) -> Any:
    begin, end = map(tai_time, timespan.nsec)
    return dumper.represent_mapping(TIMESPAN, {"begin": begin, "end": end})


def _write_region(dumper: Any, region: EncodedRegion) -> Any:
    return dumper.represent_mapping(region.kind, {"encoded": region.encoded.hex()})


def _write_id(dumper: Any, id: UUID) -> Any:
    return dumper.represent_scalar(ID, str(id), style="'")


ExportDumper.add_representer(TaiTime, _write_time)
ExportDumper.add_representer(Timespan, _write_timespan)
ExportDumper.add_representer(EncodedRegion, _write_region)
ExportDumper.add_representer(UUID, _write_id)
