"""Everything that the documentation shows is run: docstring examples, Python snippets, and the grammar of shell commands."""

import ast
import doctest
import importlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from rules.requirements import ROOT
from rules.source import File, read_package

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PACKAGE = read_package(ROOT / "src" / "isthmus")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _cost(page: Path) -> list:
    """Pages that train for long run with the slow tests."""
    return (
        [pytest.mark.slow]
        if page.name
        in ("articles.md", "choosing.md", "evaluation.md", "models.md", "mixtures.md", "mixture_examples.md", "mixture_refinement.md")
        or page.parent.name == "gallery"
        else []
    )


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page: its language, the line of its first word, and its text."""

    language: str
    line: int
    text: str


def snippets(text: str) -> list[Snippet]:
    """The fenced blocks of a page in Markdown, also those that a list indents."""
    found = []
    for match in re.finditer(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
        indent, language, body = match.groups()
        line = text.count("\n", 0, match.start()) + 2
        found.append(Snippet(language, line, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)))
    return found


def run_examples(text: str, names: dict, name: str, path: Path, line: int) -> None:
    """Run the `>>>` examples of `text`, which begins at `line` (from 1) of `path`; fail with the report of those that err."""
    test = doctest.DocTestParser().get_doctest(text, names, name, str(path), line - 1)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def run_page(text: str, path: Path) -> None:
    """Run the Python of a page from top to bottom in one namespace, as a reader would."""
    names = {"__name__": "__main__"}
    for snippet in snippets(text):
        if snippet.language not in ("python", "pycon"):
            continue
        if ">>> " in snippet.text:
            run_examples(snippet.text, names, path.stem, path, snippet.line)
        else:
            exec(compile("\n" * (snippet.line - 1) + snippet.text, str(path), "exec"), names)


def commands(text: str) -> list[list[str]]:
    """The words after `isthmus` in each command of a shell snippet, with pipes and redirections taken apart."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found = []
    for line in lines:
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if re.fullmatch(r"[;|&]+", word):
                redirection = next((number for number, item in enumerate(words) if re.fullmatch(r"\d?[<>]+", item)), len(words))
                command = words[:redirection]
                found += [command[1:]] if command[:1] == ["isthmus"] else []
                words = []
            else:
                words.append(word)
    return found


def parse_command(words: list[str]) -> None:
    """Let the command line read `words` as it would before it runs; a mistake raises `click.UsageError`.

    Files that a command names are made where they are not, for an example speaks of the reader's files.
    """
    from isthmus.cli import main

    for word in words:
        name = word.partition("=")[2] if word.startswith("-") else word
        if re.fullmatch(r"[\w./-]*\w\.\w+", name) and not re.fullmatch(r"[\d.]+", name):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        elif name.endswith("/"):
            Path(name).mkdir(parents=True, exist_ok=True)
    try:
        with main.make_context("isthmus", list(words)) as context:
            # Click 8 keeps the command's name apart from the rest.
            name, command, rest = main.resolve_command(context, [*getattr(context, "_protected_args", ()), *context.args])
            assert command is not None
            command.make_context(name, rest, parent=context).close()
    except click.exceptions.Exit:  # --help and --version, which say what they have to say and stop
        return


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of the test's own, because examples write files."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def documented(file: File) -> list[tuple[str, int, str]]:
    """The docstrings of a file that hold examples, each with the name and the line of what it describes."""
    found = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text and ">>> " in text:
                found.append((getattr(node, "name", file.path.stem), node.body[0].lineno, text))
    return found


def example_cost(file, name: str) -> list:
    """Examples that train networks for long run with the slow tests."""
    folder = file.path.parts[0]
    is_long = folder in ("presets.py", "bottlenecks", "pretraining") or file.path.name in (
        "_studies.py",
        "_vamp.py",
        "_component_selection.py",
    )
    return [pytest.mark.slow] if is_long or name in ("LatentMixture", "log_prob", "objective") else []


EXAMPLES = [
    pytest.param(file, *example, marks=example_cost(file, example[0]), id=f"{file.path}:{example[0]}")
    for file in PACKAGE.files
    for example in documented(file)
]


@pytest.mark.parametrize(("file", "name", "line", "text"), EXAMPLES)
def test_docstring_examples_run(file, name, line, text, elsewhere):
    module = importlib.import_module(".".join(("isthmus", *file.path.with_suffix("").parts)).removesuffix(".__init__"))
    run_examples(text, dict(vars(module)), name, ROOT / "src" / "isthmus" / file.path, line)


@pytest.mark.parametrize("page", [pytest.param(page, marks=_cost(page)) for page in PAGES], ids=lambda page: page.name)
def test_python_snippets_run(page, elsewhere):
    run_page(page.read_text(encoding="utf-8"), page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_snippets_speak_the_command_line(page, elsewhere):
    for snippet in snippets(page.read_text(encoding="utf-8")):
        if snippet.language in ("bash", "sh", "shell", "console"):
            for words in commands(snippet.text):
                parse_command(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_names_its_language(page):
    assert [f"{page.name}:{snippet.line}" for snippet in snippets(page.read_text(encoding="utf-8")) if not snippet.language] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|href)=\"([^\"#]+)\"", page.read_text(encoding="utf-8"))
    paths = [path for pair in links for path in pair if path and not re.match(r"[a-z]+:", path)]
    assert [path for path in paths if not (page.parent / path).exists()] == []


def test_the_page_of_parts_is_what_the_docstrings_say():
    script = ROOT / "docs" / "make_parts.py"
    names = {"__name__": "make_parts", "__file__": str(script)}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), names)
    page = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
    assert page == names["page"](), "docs/parts.md is not what the docstrings say: run `make docs`"
    for part in ("losses.Huber(delta=1.0)", "regularizers.L1(weight=0.0001)", "Tibshirani", "integers in [1, inf) or None"):
        assert part in page


class TestTheReaderOfPages:
    """A reader that overlooked snippets would let every page pass."""

    page = "Text\n```python\nx = 1\n```\n- item\n\n  ```bash\n  isthmus fit a.csv\n  ```\n```text\nno code\n```\n```\nnothing\n```\n"

    def test_finds_every_snippet(self):
        assert [(snippet.language, snippet.line) for snippet in snippets(self.page)] == [("python", 3), ("bash", 8), ("text", 11), ("", 14)]
        assert snippets(self.page)[1].text == "isthmus fit a.csv\n"

    def test_keeps_names_from_one_snippet_to_the_next(self):
        run_page("```python\nx = 1\n```\n```python\nassert x == 1\n```\n```python\n>>> x\n1\n```\n", Path("page.md"))

    def test_fails_where_a_snippet_raises(self):
        with pytest.raises(ZeroDivisionError):
            run_page("```python\n1 / 0\n```\n", Path("page.md"))

    def test_fails_where_an_example_gives_something_else(self):
        with pytest.raises(AssertionError, match="Expected:"):
            run_page("```python\n>>> 1 + 1\n3\n```\n", Path("page.md"))

    def test_takes_shell_lines_apart(self):
        text = (
            "$ isthmus fit a.csv \\\n    -o m.isthmus  # a comment\n"
            "cat a.csv | isthmus encode m.isthmus - > codes.csv && isthmus info m.isthmus\n"
            "make\n"
        )
        assert commands(text) == [["fit", "a.csv", "-o", "m.isthmus"], ["encode", "m.isthmus", "-"], ["info", "m.isthmus"]]

    @pytest.mark.parametrize("words", [["fit", "a.csv", "--no-such-option"], ["no-such-command"], ["fit", "a.csv", "--latent-dim", "many"]])
    def test_sees_a_command_that_would_be_refused(self, words, elsewhere):
        with pytest.raises(click.UsageError):
            parse_command(words)
