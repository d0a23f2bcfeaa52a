"""Other people's exports: what the standards allow is read rightly, and what is left out is counted."""

from __future__ import annotations

import json
from hashlib import sha1
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from verticals_education.adapters.moodle import MOODLE_LOG
from verticals_education.adapters.oulad import OULAD
from verticals_education.adapters.recbole import RECBOLE
from verticals_education.adapters.xapi import XAPI, actor_of, seconds_of
from verticals_education.pseudonyms import pseudonym
from verticals_education.schema import SCHEMA
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions


def read(adapter: Adapter, path: Path, **options: str) -> Dataset:
    return adapter.read(path, ReadOptions(schema=SCHEMA, options=options))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------ xAPI


def statement(number: int, **parts: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}", "actor": {"mbox": "mailto:ada@example.org"}, "verb": {"id": "http://x/verbs/attempted"},
        "object": {"id": "http://x/course/1"}, "timestamp": f"2024-01-0{number}T00:00:00Z", **parts,
    }  # fmt: skip


def statements(folder: Path, *every: dict[str, Any]) -> Dataset:
    return read(XAPI, write(folder, "s.jsonl", "\n".join(json.dumps(one) for one in every)), salt="s")


def test_a_voided_statement_counts_for_nothing(tmp_path: Path) -> None:
    void = {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
            "object": {"objectType": "StatementRef", "id": "s1"}}  # fmt: skip
    found = statements(tmp_path, statement(1), statement(2), statement(3, **void))
    assert found.tables["statements"]["id"].tolist() == ["s2"]
    assert found.main["time"].tolist() == [pd.Timestamp("2024-01-02")]
    dropped = found.provenance.ledger.dropped
    assert dropped["a statement that was voided later"] == dropped["a statement that voids another"] == 1


def test_a_mailbox_and_its_hash_are_one_learner(tmp_path: Path) -> None:
    digest = sha1(b"mailto:ada@example.org", usedforsecurity=False).hexdigest()
    assert actor_of({"mbox": "mailto:ada@example.org"}) == actor_of({"mbox_sha1sum": digest.upper()})
    found = statements(tmp_path, statement(1), statement(2, actor={"mbox_sha1sum": digest}))
    assert len(found.main) == 1
    for table in found.tables.values():
        assert "ada" not in table.to_csv()


@pytest.mark.parametrize(
    "actor",
    [
        {"openid": "http://ada.example.org"}, {"account": {"homePage": "http://x", "name": "ada"}},
        {"mbox": "mailto:ada@example.org", "name": "Ada"},
    ],
)  # fmt: skip
def test_each_identifier_of_an_actor_is_hidden(actor: dict[str, Any], tmp_path: Path) -> None:
    found = statements(tmp_path, statement(1, actor=actor))
    assert "ada" not in "".join(table.to_csv() for table in found.tables.values()).casefold()


def test_groups_and_statements_about_statements_are_no_enrolments(tmp_path: Path) -> None:
    group = {"actor": {"objectType": "Group", "mbox": "mailto:team@example.org", "member": []}}
    about = {"object": {"objectType": "StatementRef", "id": "s1"}}
    within = {"object": {"objectType": "SubStatement", "actor": {}, "verb": {}, "object": {}}}
    found = statements(tmp_path, statement(1), statement(2, **group), statement(3, **about), statement(4, **within))
    assert found.main["course"].astype(str).tolist() == ["http://x/course/1"]
    dropped = found.provenance.ledger.dropped
    assert dropped["the actor is a group"] == 1
    assert dropped["a statement about no activity (an agent, another statement)"] == 2


def test_zones_are_kept_and_a_missing_one_is_told(tmp_path: Path) -> None:
    times = ("2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00", "yesterday")
    found = statements(tmp_path, *(statement(n, timestamp=text) for n, text in enumerate(times, 1)))
    table = found.tables["statements"]
    assert table["time"].iloc[0] == table["time"].iloc[2] == pd.Timestamp("2024-01-01")
    assert table["time"].isna().tolist() == [False, False, False, True]
    warnings = found.provenance.ledger.warnings
    assert "1 timestamps have no zone: taken as UTC" in warnings
    assert "s4: timestamp 'yesterday' cannot be read" in warnings


def test_many_statements_without_a_time_are_not_told_one_by_one(tmp_path: Path) -> None:
    every = [{**statement(1), "id": f"n{n}", "timestamp": None} for n in range(50)]
    warnings = statements(tmp_path, *every).provenance.ledger.warnings
    assert "30 further statements have no timestamp that can be read" in warnings
    assert sum("no timestamp" in one for one in warnings) == 21


def test_a_page_of_a_store_says_that_there_is_more(tmp_path: Path) -> None:
    path = write(tmp_path, "s.json", json.dumps({"statements": [statement(1)], "more": "/xapi/more/2"}))
    found = read(XAPI, path)
    assert len(found.main) == 1
    assert any("one page of several" in one for one in found.provenance.ledger.warnings)


@pytest.mark.parametrize(("text", "seconds"), [("PT1,5S", 1.5), ("PT1.2.3S", None), ("PT05M21S", 321), ("PT.S", None)])
def test_durations_with_a_comma_or_two_points(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


# ------------------------------------------------------------------------------------------------ Moodle

HEAD = "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n"


def log(folder: Path, *rows: tuple[str, str, str, str], **options: str) -> Dataset:
    lines = [f'"{time}",{who},-,{context},System,x,{text},web,1.2.3.4' for time, who, context, text in rows]
    return read(MOODLE_LOG, write(folder, "logs.csv", HEAD + "\n".join(lines) + "\n"), salt="s", **options)


def test_an_id_in_some_rows_and_a_name_in_others_are_one(tmp_path: Path) -> None:
    known = ("13/02/23, 12:09", "Ada Roe", "Course: Biology", "The user with id '5' viewed the course with id '7'.")
    bare = ("13/01/23, 12:09", "Ada Roe", "Course: Biology", "Something else.")
    found = log(tmp_path, known, bare)
    assert found.main[["learner", "course"]].astype(str).values.tolist() == [[pseudonym("5", "s"), "7"]]
    assert found.main["time"].tolist() == [pd.Timestamp("2023-01-13 12:09")]
    assert found.tables["catalogue"][["course", "title"]].values.tolist() == [["7", "Biology"]]


def test_two_people_of_one_name_are_not_joined(tmp_path: Path) -> None:
    rows = [("13/02/23, 12:09", "Ada Roe", "Course: B", f"The user with id '{n}' viewed the course with id '7'.")
            for n in (5, 6)]  # fmt: skip
    assert log(tmp_path, *rows).main["learner"].nunique() == 2


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("13 Feb 2023, 12:09", {}), ("Monday, 13 February 2023, 12:09 PM", {}), ("2/13/23, 12:09 PM", {}),
        ("13.02.23, 12:09", {}), ("2023/02/13 12:09", {}), ("13/02/23, 12:09:00", {}),
        ("13-02-23, 12:09", {"date_format": "%d-%m-%y, %H:%M"}),
    ],
)  # fmt: skip
def test_a_sites_own_format_of_time(text: str, options: dict[str, str], tmp_path: Path) -> None:
    row = (text, "Ada", "Course: B", "The user with id '5' viewed the course with id '7'.")
    assert log(tmp_path, row, **options).main["time"].tolist() == [pd.Timestamp("2023-02-13 12:09")]


# ------------------------------------------------------------------------------------------------ OULAD

REGISTERED = "code_module,code_presentation,id_student,date_registration\nAAA,2014B,7,-3\nBBB,2014B,8,soon\n"


def test_oulad_counts_what_it_cannot_read(tmp_path: Path) -> None:
    write(tmp_path, "STUDENTREGISTRATION.csv", REGISTERED + "AAA,2014B,9,1,extra\n")
    info = "code_module,code_presentation,id_student,final_result\nAAA,2014B,7,Pass\nAAA,2014B,7,Fail\n"
    write(tmp_path, "studentInfo.csv", info)
    clicks = "code_module,code_presentation,id_student,id_site,date,sum_click\n"
    write(tmp_path, "studentVle.csv", clicks + "AAA,2014B,7,1,2,x\nAAA,2014B,7,1,2,4\n")
    found = read(OULAD, tmp_path)
    assert len(found.main) == 1
    dropped = found.provenance.ledger.dropped
    assert dropped["studentRegistration: date_registration is no number"] == 1
    assert dropped["studentRegistration: 5 cells instead of 4"] == 1
    assert dropped["studentInfo: another result of the same student and presentation"] == 1
    assert dropped["studentVle: a day or a number of clicks that is no number"] == 1
    assert found.tables["activity"]["clicks"].tolist() == [4]


def test_oulad_reads_the_file_that_was_given(tmp_path: Path) -> None:
    head = "code_module,code_presentation,id_student,id_site,date,sum_click\n"
    for number in (0, 1):
        write(tmp_path, f"studentVle_{number}.csv", head + f"AAA,2014B,{number},1,2,4\n")
    found = read(OULAD, tmp_path / "studentVle_1.csv", salt="s")
    assert found.main["learner"].astype(str).tolist() == [pseudonym("1", "s")]
    with pytest.raises(DataError, match="several files of studentVle"):
        read(OULAD, tmp_path)


def test_oulad_file_without_enrolments_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "vle.csv", "id_site,code_module\n1,AAA\n")
    with pytest.raises(DataError, match="holds none of studentRegistration"):
        read(OULAD, path)


# ------------------------------------------------------------------------------------------------ RecBole


def test_recbole_lists_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    head = "user_id:token\titem_id:token\ttimestamp:float\titem_id_list:token_seq\ttimestamp_list:float_seq\n"
    found = read(RECBOLE, write(tmp_path, "a.inter", head + "1\t5\t30\t3 4\t10 20\n2\t5\t30\t3 4\t10\n"))
    assert len(found.tables["past"]) == 2
    assert found.provenance.ledger.dropped["a list of items that is not as long as its list of times"] == 1
    bare = "user_id:token\titem_id:token\ttimestamp:float\titem_id_list:token_seq\n1\t5\t30\t3 4\n"
    found = read(RECBOLE, write(tmp_path, "b.inter", bare))
    assert any("no timestamp_list" in one for one in found.provenance.ledger.warnings)


def test_recbole_time_beyond_the_clock_is_dropped_and_counted(tmp_path: Path) -> None:
    text = "user_id:token\titem_id:token\ttimestamp:float\n1\t5\t1e30\n1\t6\t1e9\n1\t7\tx\n"
    found = read(RECBOLE, write(tmp_path, "a.inter", text))
    assert found.main["time"].tolist() == [pd.Timestamp("2001-09-09 01:46:40")]
    assert sum(found.provenance.ledger.dropped.values()) == 2


def test_moodle_unenrolment_is_no_entry_and_narrow_blanks_are_blanks(tmp_path: Path) -> None:
    who = "The user with id '5' viewed"
    left = "The user with id '2' unenrolled the user with id '5' using the method 'manual' from"
    text = "Time,User full name,Event context,Event name,Description\n" + "".join(
        f"\"1/{day}/23, 1:09\u202fPM\",{name},Course: Biology,e,{what} the course with id '7'.\n"
        for day, name, what in ((23, "Ada Roe", who), (24, "Bo Poe", left))
    )
    path = tmp_path / "logs.csv"
    path.write_text(text, encoding="utf-8")
    found = MOODLE_LOG.read(path, ReadOptions(schema=SCHEMA))
    assert found.main["time"].tolist() == [pd.Timestamp("2023-01-23 13:09")]
    assert found.provenance.ledger.dropped["an event of leaving a course"] == 1
