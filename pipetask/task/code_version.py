"""The version of a task's code: a digest that formatting, comments and docstrings do not change.

It covers the module of the class and, in turn, the modules of the same distribution that it imports. An
installed distribution is known by its version instead.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def code_version(class_name: str) -> str:
    """Tell the version of the code of a class.

    Parameters
    ----------
    class_name
        Full name of the class, with its module.

    Returns
    -------
    version
        ``name==1.2`` for what is installed, else a digest; empty if there is no source to be read.
    """
    module = class_name.rpartition(".")[0]
    path = _file_of(module)
    if path is None:
        return ""
    if installed := _installed(module, path):
        return installed
    n_folders = module.count(".") + (path.name == "__init__.py")
    try:
        return _digest_of_all(path.parents[n_folders], path)
    except (OSError, SyntaxError):  # edited at this moment, or no source at all
        return ""


@lru_cache(maxsize=256)
def source_digest(source: str) -> str:
    """Digest Python source without its formatting, comments and docstrings."""
    return _digest("\n".join(_canonical(ast.parse(source))))


def _file_of(module: str) -> Path | None:
    if module in sys.modules:
        origin = getattr(sys.modules[module], "__file__", None)
    else:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        origin = spec.origin if spec else None
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


def _installed(module: str, path: Path) -> str:
    """Return name and version of the distribution that a file was installed with; empty if with none."""
    if not {"site-packages", "dist-packages"}.intersection(path.parts):
        return ""
    names = _distributions().get(module.partition(".")[0], [])
    return ", ".join(f"{name}=={metadata.version(name)}" for name in sorted(set(names)))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _digest_of_all(root: Path, path: Path) -> str:
    """Digest a file and all below a root that it imports, in turn."""
    digests: dict[str, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(root).as_posix()
        if name not in digests:
            stat = file.stat()
            digests[name], imports = _module(file, name, stat.st_mtime_ns, stat.st_size)
            waiting += [found for each in imports for found in _files(root, each)]
    return _digest("\n".join(f"{name} {digest}" for name, digest in sorted(digests.items())))


def _files(root: Path, module: str) -> Iterator[Path]:
    """List the files that importing a module executes, if it is below a root: packages, then itself."""
    place = root
    for part in module.split("."):
        if (found := place / f"{part}.py").is_file():
            yield found
        if (found := place / part / "__init__.py").is_file():
            yield found
        place /= part


@lru_cache(maxsize=4096)
def _module(file: Path, name: str, _mtime_ns: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a module, and the names that it may import; asked again when the file changes."""
    tree = ast.parse(file.read_bytes())
    package = name.removesuffix(".py").split("/")[:-1]
    return _digest("\n".join(_canonical(tree))), tuple(_imports(tree, package))


def _imports(node: ast.AST, package: list[str]) -> Iterator[str]:
    """List the modules that statements may import, those for type checkers apart."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package[: len(package) - child.level + 1] if child.level else []
            module = ".".join([*above, *([child.module] if child.module else [])])
            yield from (f"{module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports(other, package)
        else:
            yield from _imports(child, package)


def _canonical(node: object, depth: int = 0) -> Iterator[str]:
    """Write out a syntax tree, the same for every version of Python: empty fields are left out."""
    indent = " " * depth
    if isinstance(node, list):
        yield f"{indent}["
        for item in node:
            yield from _canonical(item, depth + 1)
    elif isinstance(node, ast.AST):
        yield f"{indent}{type(node).__name__}"
        for field, value in ast.iter_fields(node):
            if field == "body" and isinstance(node, _DOCUMENTED):
                value = _without_docstring(value)
            if field not in _IGNORED and value is not None and value != []:
                yield f"{indent} {field}"
                yield from _canonical(value, depth + 2)
    else:
        yield f"{indent}{node!r}"


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_IGNORED = {"ctx", "kind", "type_comment", "type_ignores"}


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return (body[1:] or [ast.Pass()]) if is_documented else body


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
