"""Documented bad inputs: what is written, and the words of the error that reading it must raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verticals_plugins import BadInput, DataError


def _file(name: str, text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def _bad(name: str, file: str, text: str, match: str) -> BadInput:
    return BadInput(name=name, make=_file(file, text), match=match, error=DataError)


BAD_INPUTS = (
    _bad("no time", "pairs.csv", "user,course\nu1,c1\nu1,c2\n", "time"),
    _bad("empty file", "empty.csv", "", "empty"),
    _bad("header only", "header.csv", "user,course,date\n", "no rows"),
    _bad(
        "day or month first", "dates.csv", "user,course,date\nu1,c1,03/04/2024\nu2,c1,05/06/2024\n",
        "day-first and month-first",
    ),
    _bad("untyped header", "plain.inter", "user_id\titem_id\n1\t2\n", "no types"),
    _bad("interactions without time", "notime.inter", "user_id:token\titem_id:token\n1\t2\n", "timestamp"),
    _bad(
        "unreadable presentation", "studentRegistration.csv",
        "code_module,code_presentation,id_student,date_registration\nAAA,spring,1,0\n", "no year",
    ),
    _bad(
        "a log of nobody", "log.csv",
        "Time,User full name,Event context,Event name,Description\n"
        "\"23/01/23, 12:09\",-,Front page,Course viewed,The user with id '0' viewed the course with id '1'.\n",
        "nobody",
    ),
    _bad("no statements", "s.json", '[{"verb": {}, "object": {}, "actor": 3}]', "no xAPI"),
)  # fmt: skip
