"""The pages as a user follows them: their code blocks are read, written to files, and run.

How a page says what is to be done with a code block, by the words after the three back-ticks:

``sh``                commands, run in order; ``# exit code 3`` after one says how it ends (0 by default)
``text``              what the block before shows; ``...`` stands for anything
``python``            run, with the names of the page's earlier blocks
``python fragment``   only parsed, since it is a part of something
``… file=NAME``       written to a file, which later blocks use
"""

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipetask.cli.main import butler, pipetask

ROOT = Path(__file__).parents[2]
# What a command writes once a minute, on a slow machine.
PROGRESS = re.compile(r"^[\d,]+ of [\d,]+ quanta after .*\n", re.MULTILINE)
EXIT_CODE = re.compile(r"\s+# exit code (\d+)$")
COMMENT = re.compile(r"(^|\s+)# .*$")
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self):
        return f"{self.page}, line {self.line}"

    @property
    def file(self):
        names = [word.removeprefix("file=") for word in self.words if word.startswith("file=")]
        return names[0] if names else ""


def blocks_of(path):
    """Return the code blocks of a page, in order."""
    found, begin, fence = [], 0, ""
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not begin and line.startswith("```"):
            begin, fence = number, line.removeprefix("```")
        elif begin and line == "```":
            language, *words = fence.split() or [""]
            text = "\n".join(lines[begin : number - 1]) + "\n"
            found.append(Block(str(path.relative_to(ROOT)), begin, language, tuple(words), text))
            begin = 0
    assert not begin, f"{path}, line {begin}: the code block has no end"
    return found


class Reader:
    """Somebody who does in a folder what pages say."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.names = {}
        self.shown = ""

    def follow(self, path):
        """Do all that a page says, as far as its blocks can be run."""
        with _restored(self.folder):
            self.names = {"__name__": "__page__"}
            for block in blocks_of(path):
                if block.file:
                    Path(block.file).write_text(block.text, "utf-8")
                elif block.language == "sh":
                    self._commands(block)
                elif block.language == "python" and "fragment" not in block.words:
                    with contextlib.redirect_stdout(io.StringIO()) as shown:
                        exec(compile(block.text, block.place, "exec"), self.names)
                    self.shown = shown.getvalue()
                elif block.language == "text":
                    same = doctest.OutputChecker().check_output(block.text, self.shown, SAME)
                    assert same, f"{block.place}\nsays\n{block.text}\nbut there came\n{self.shown}"

    def commands(self, block):
        """Run the commands of one block."""
        with _restored(self.folder):
            self._commands(block)

    def _commands(self, block):
        for line in block.text.replace("\\\n", " ").splitlines():
            expected = EXIT_CODE.search(line)
            words = shlex.split(COMMENT.sub("", line))
            if not words:
                continue
            code = self._command(words, block)
            wanted = int(expected[1]) if expected else 0
            assert code == wanted, f"{block.place}: {line}\nended with {code}\n{self.shown}"

    def _command(self, words, block):
        name, *arguments = words
        self.shown = ""
        if name in ("pipetask", "butler"):
            result = CliRunner().invoke({"pipetask": pipetask, "butler": butler}[name], arguments)
            self.shown = PROGRESS.sub("", result.output)
            return result.exit_code
        if name == "python" and arguments[0] == "-c":
            exec(compile(arguments[1], block.place, "exec"), {"__name__": "__page__"})
        elif name == "export":
            key, _, value = arguments[0].partition("=")
            os.environ[key] = os.path.expandvars(value)
            if key == "PYTHONPATH":
                sys.path.insert(0, os.environ[key])
        elif name == "cd":
            os.chdir(arguments[0])
            os.environ["PWD"] = str(Path.cwd())
        elif name == "mkdir":
            Path(arguments[0]).mkdir()
        else:
            raise AssertionError(f"{block.place}: no test knows how to run {name!r}")
        return 0


@contextlib.contextmanager
def _restored(folder):
    """Take back what a page changes in this process."""
    here, environment, path = Path.cwd(), dict(os.environ), list(sys.path)
    os.environ.pop("BUTLER_REPO", None)
    os.environ["USER"] = os.environ["LOGNAME"] = "me"
    os.environ["PWD"] = str(folder)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        written = [n for n, m in sys.modules.items() if _home(m).startswith(str(folder.parent))]
        for name in written:
            del sys.modules[name]


def _home(module):
    return getattr(module, "__file__", None) or ""


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))


@pytest.fixture(scope="session")
def generator():
    """The module docs/generate.py."""
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def code_blocks():
    """The function that returns the code blocks of a page."""
    return blocks_of


@pytest.fixture(scope="session")
def reader():
    """The class of somebody who follows pages in a folder."""
    return Reader


@pytest.fixture(scope="session")
def first_session(tmp_path_factory):
    """A folder in which somebody has followed docs/first_session.md."""
    folder = tmp_path_factory.mktemp("first_session")
    shutil.copytree(ROOT / "examples" / "cameras", folder / "cameras")
    shutil.copytree(ROOT / "examples" / "guide", folder / "examples" / "guide")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    Reader(folder).follow(ROOT / "docs" / "first_session.md")
    return folder


@pytest.fixture
def after_first_session(first_session, tmp_path):
    """A copy of ``first_session`` that a page may change."""
    return shutil.copytree(first_session, tmp_path / "work")
