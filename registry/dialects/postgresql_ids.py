"""Ids on PostgreSQL: the type ``uuid`` there, 16 bytes here, in statements, results and COPY."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from sqlalchemy import BindParameter, ColumnElement, cast, func, literal_column
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.types import UserDefinedType


class IdType(UserDefinedType[bytes]):
    """The database's type ``uuid``, as 16 `bytes` in Python."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "UUID"

    def bind_expression(self, bindvalue: BindParameter[bytes]) -> ColumnElement[Any]:
        """Return the value of a parameter that was sent as bytes: there is no cast from them."""
        return cast(func.encode(bindvalue, literal_column("'hex'")), UUID)


class _IdDumper(Dumper):
    """Sends an id in COPY."""

    format = Format.BINARY
    oid = psycopg.adapters.types["uuid"].oid

    def dump(self, obj: bytes) -> bytes:
        return obj


class _IdLoader(Loader):
    """Receives an id in the format that `SQLAlchemy` itself asks for."""

    def load(self, data: Any) -> bytes:  # bytes, or a view of them
        return bytes.fromhex(bytes(data).decode().replace("-", ""))


class _IdBinaryLoader(Loader):
    """Receives an id."""

    format = Format.BINARY

    def load(self, data: Any) -> bytes:  # bytes, or a view of them
        return bytes(data)


class _Id:
    """Stands for the Python type of `_IdDumper`, which is chosen by the type of the column."""


ADAPTERS = AdaptersMap(psycopg.adapters)
"""What a connection sends and receives ids by."""
ADAPTERS.register_loader("uuid", _IdLoader)
ADAPTERS.register_loader("uuid", _IdBinaryLoader)
ADAPTERS.register_dumper(_Id, _IdDumper)
