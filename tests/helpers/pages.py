"""What the docs quote: fenced blocks, and the commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"^\s*(?:\$ )?(verticals(?: [^`#\n]*)?)", re.M)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return FENCE.findall(page.read_text())


def commands(page: Path) -> list[str]:
    """Lines of a page's shell blocks, and its indented lines, that call ``verticals``; continued lines are joined."""
    text = page.read_text().replace("\\\n", " ")
    shell = [body for kind, body in FENCE.findall(text) if kind in {"", "console", "sh", "bash", "shell"}]
    indented = "\n".join(line for line in FENCE.sub("", text).splitlines() if line.startswith("    "))
    return [one.strip() for body in (*shell, indented) for one in COMMAND.findall(body)]


def words_of(line: str) -> list[str]:
    """A command's arguments, up to a pipe."""
    return [word for word in shlex.split(re.split(r"\s[|>]\s", line)[0])[1:] if word != "…"]
