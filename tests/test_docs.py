"""The docs say what is so: commands parse, quoted code stands in the project, hooks are documented, links lead on."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from pages import FENCE, ROOT, blocks, commands, words_of

from verticals.cli import parser_for
from verticals_plugins import hookspecs
from verticals_plugins.manager import installed

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
HOOKS = [name for name in vars(hookspecs) if name.startswith("verticals_")]
CASES = [
    pytest.param(page, line, id=f"{page.stem}: {line}") for page in PAGES for line in dict.fromkeys(commands(page))
]


@pytest.mark.parametrize(("page", "line"), CASES)
def test_command_parses_and_names_a_task_that_exists(page: Path, line: str) -> None:
    words = words_of(line)
    if not words or words[-1] in {"-h", "--help"}:
        return
    if any(word.startswith(("energy.", "shop.")) for word in words):
        pytest.skip("a plugin that is not installed here")
    args = parser_for(words).parse_args(words)
    task = getattr(args, "task", None) or getattr(args, "demo", None)
    if words[0] == "run" and task not in {None, "all", "TASK"}:
        assert task in installed().tasks(), f"{page}: {line}"


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_signature_and_an_example(name: str) -> None:
    page = (ROOT / "docs/plugins/hooks.md").read_text()
    spec = getattr(hookspecs, name)
    section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert f"`{name}{str(inspect.signature(spec)).replace(chr(39), '')}`" in section
    text, _, example = inspect.getdoc(spec).partition("Example::")  # type: ignore[union-attr]
    assert text.strip() in section
    assert inspect.cleandoc(example) in section
    compile(inspect.cleandoc(example), name, "exec")


def test_tutorial_quotes_the_plugin_as_it_is() -> None:
    home = ROOT / "docs/plugins/verticals-energy"
    source = "\n".join(path.read_text() for path in [home / "pyproject.toml", *home.rglob("*.py")])
    quoted = [body for kind, body in blocks(ROOT / "docs/plugins/tutorial.md") if kind != "console"]
    assert len(quoted) >= 3
    for body in quoted:
        assert body.strip() in source, body


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_local_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text())):
        if "://" not in link and not link.startswith("mailto:"):
            assert (page.parent / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_compile(page: Path) -> None:
    for kind, body in blocks(page):
        if kind == "python":
            assert compile(body.replace("…", "..."), str(page), "exec") is not None
