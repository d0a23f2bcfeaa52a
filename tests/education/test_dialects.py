"""Other people's exports: what the standards allow is read rightly, and what is left out is counted."""

from __future__ import annotations

import gzip
import json
from hashlib import sha1
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from verticals.pipeline.reading import choose
from verticals_education.adapters.moodle import MOODLE_LOG
from verticals_education.adapters.oulad import OULAD
from verticals_education.adapters.recbole import RECBOLE
from verticals_education.adapters.table import ENROLMENTS
from verticals_education.adapters.xapi import XAPI, actor_of, score_of, seconds_of
from verticals_education.courses import COURSES
from verticals_education.pseudonyms import pseudonym
from verticals_education.schema import SCHEMA
from verticals_plugins import Adapter, DataError, Dataset, ReadOptions, UsageError


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


# ------------------------------------------------------------------------------------------------ xAPI, odd statements


def test_a_truncated_package_of_statements_is_refused(tmp_path: Path) -> None:
    every = [{**statement(1), "id": f"{n * 7919:032x}"} for n in range(3000)]
    path = tmp_path / "s.json.gz"
    path.write_bytes(gzip.compress(json.dumps(every).encode())[:-3000])
    with pytest.raises(DataError, match="damaged or truncated"):
        read(XAPI, path)


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "s.json", "[" * 100_000 + "]" * 100_000)
    with pytest.raises(DataError, match="neither JSON"):
        read(XAPI, path)


def test_parts_of_the_wrong_type_are_no_crash(tmp_path: Path) -> None:
    within = {"context": {"contextActivities": {"parent": 5, "grouping": "x"}}}
    odd = {"object": {"id": "c", "objectType": ["x"]}}
    found = statements(tmp_path, statement(1, **within), statement(2, **odd), statement(3, actor={"mbox": ["a"]}))
    assert found.main["course"].astype(str).tolist() == ["http://x/course/1", "c"]
    assert found.provenance.ledger.dropped == {"the actor has no identifier": 1}


@pytest.mark.parametrize(
    ("score", "doubt"),
    [({"raw": "50", "max": 100}, "raw '50' is no number"), ({"scaled": True}, "scaled True is no number")],
)
def test_a_score_in_words_is_told(score: dict[str, Any], doubt: str) -> None:
    found = score_of({"score": score})
    assert (found.value, found.doubt) == (None, doubt)


def test_a_duration_that_is_none_is_told(tmp_path: Path) -> None:
    found = statements(tmp_path, statement(1, result={"duration": "00:10:00"}), statement(2))
    assert "s1: duration '00:10:00' cannot be read" in found.provenance.ledger.warnings
    assert found.tables["statements"]["seconds"].dtype == float


def test_many_odd_scores_are_not_told_one_by_one(tmp_path: Path) -> None:
    every = [{**statement(1), "id": f"n{n}", "result": {"score": {"scaled": 95}}} for n in range(50)]
    warnings = statements(tmp_path, *every).provenance.ledger.warnings
    assert "30 further statements have an odd score or duration" in warnings


def test_ids_are_the_same_in_capitals_and_whoever_voids(tmp_path: Path) -> None:
    void = {"actor": {"name": "Store"}, "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
            "object": {"objectType": "StatementRef", "id": "AB"}}  # fmt: skip
    every = (statement(1, id="ab"), statement(2, id="cd"), statement(3, id="CD"), statement(4, **void))
    found = statements(tmp_path, *every)
    assert found.tables["statements"]["id"].tolist() == ["cd"]
    dropped = found.provenance.ledger.dropped
    assert dropped["a statement that was voided later"] == 1
    assert dropped["a repetition of a statement with the same id"] == 1


def test_completed_with_completion_false_is_not_passed(tmp_path: Path) -> None:
    done = {"verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}}
    found = statements(tmp_path, statement(1, **done, result={"completion": False}), statement(2, **done))
    assert found.main["completed"].tolist() == [pd.Timestamp("2024-01-02")]


def test_one_statement_without_a_time_does_not_spoil_the_others(tmp_path: Path) -> None:
    other = {"actor": {"mbox": "mailto:bo@example.org"}, "timestamp": None}
    found = statements(tmp_path, statement(1), statement(2, **other))
    assert len(found.main) == 1
    assert found.provenance.ledger.dropped == {"a course whose statements have no time": 1}
    assert len(COURSES.examples(found)) == 1


def test_lists_of_statements_a_line_and_capitals_in_suffixes(tmp_path: Path) -> None:
    write(tmp_path, "A.JSON", json.dumps([statement(1), statement(2)]) + "\n" + json.dumps([statement(3)]))
    write(tmp_path, "a_manifest.json", '{"files": 1}')
    assert choose(COURSES, tmp_path).adapter is XAPI
    assert read(XAPI, tmp_path).tables["statements"]["id"].tolist() == ["s1", "s2", "s3"]


def test_wrapped_statements_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no xAPI statement \(1: no statement: actor, verb or object is missing"):
        statements(tmp_path, {"_id": 1, "statement": statement(1)})


# ------------------------------------------------------------------------------------------------ Moodle, localised

ENTERED = "The user with id '{}' viewed the course with id '7'."
GERMAN = "Zeit,Vollständiger Name,Betroffene Person,Ereigniskontext,Komponente,Ereignisname,Beschreibung,Herkunft,IP\n"
NORWEGIAN = "Tidspunkt,Fullt navn,Berørt bruker,Hendelseskontekst,Del,Hendelse,Beskrivelse,Opprinnelse,IP\n"


def lines(*rows: tuple[str, str], course: str = "Kurs") -> str:
    return "".join(f'"{time}",Ada,-,{course}: Öko,System,x,{text},web,1.2.3.4\n' for time, text in rows)


def test_a_german_log_of_windows_is_known_before_and_after_its_encoding_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "logs.csv"
    path.write_bytes((GERMAN + lines(("13.02.23, 12:09", ENTERED.format(5)))).encode("cp1252"))
    assert choose(COURSES, path).adapter is MOODLE_LOG
    with pytest.raises(DataError, match="encoding=cp1252"):
        read(MOODLE_LOG, path)
    found = read(MOODLE_LOG, path, encoding="cp1252", salt="s")
    assert found.main["learner"].tolist() == [pseudonym("5", "s")]
    assert found.tables["catalogue"]["title"].tolist() == ["Öko"]


def test_headers_of_any_language_are_known_by_their_places(tmp_path: Path) -> None:
    path = write(tmp_path, "logs.csv", NORWEGIAN + lines(("13.02.23, 12:09", ENTERED.format("05"))))
    assert choose(COURSES, path).adapter is MOODLE_LOG
    found = read(MOODLE_LOG, path, salt="s")
    assert found.main[["learner", "course"]].astype(str).values.tolist() == [[pseudonym("05", "s"), "7"]]
    assert found.main["time"].tolist() == [pd.Timestamp("2023-02-13 12:09")]
    assert any("by their places" in one for one in found.provenance.ledger.warnings)


def test_year_first_dates_of_two_digits_are_not_read_as_days(tmp_path: Path) -> None:
    rows = (("23/02/13, 12:09", ENTERED.format(5)), ("23/02/28, 12:09", ENTERED.format(6)))
    path = write(tmp_path, "logs.csv", HEAD + lines(*rows))
    with pytest.raises(DataError, match="day-first and year-first"):
        read(MOODLE_LOG, path)
    found = read(MOODLE_LOG, path, date_format="%y/%m/%d, %H:%M")
    assert found.main["time"].tolist() == [pd.Timestamp("2023-02-13 12:09"), pd.Timestamp("2023-02-28 12:09")]


def test_a_folder_of_logs_is_one_log_and_a_catalogue_may_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for day in (13, 14):
        write(folder, f"logs_{day}.csv", HEAD + lines((f"{day}/02/23, 12:09", ENTERED.format(day))))
    assert choose(COURSES, folder).adapter is MOODLE_LOG
    named = write(tmp_path, "offer.csv", "course,title,seats\n7,Ecology,30\n")
    found = read(MOODLE_LOG, folder, catalogue=str(named))
    assert len(found.main) == len(found.provenance.sources) == 2
    assert found.tables["catalogue"].values.tolist() == [["7", "Ecology", 30]]


def test_a_name_that_is_gone_is_known_by_its_id_and_the_zone_is_noted(tmp_path: Path) -> None:
    found = log(tmp_path, ("13/02/23, 12:09", "-", "Course: B", ENTERED.format(5)), timezone="Europe/Berlin")
    assert found.main["learner"].tolist() == [pseudonym("5", "s")]
    assert found.main["time"].tolist() == [pd.Timestamp("2023-02-13 11:09")]
    assert found.provenance.notes["time"] == "dates read as dmy; zone Europe/Berlin, normalised to UTC"


def test_the_table_of_events_behind_a_log_is_not_read_as_enrolments(tmp_path: Path) -> None:
    text = "id,eventname,userid,courseid,timecreated\n1,\\core\\event\\course_viewed,0,1,1676290140\n"
    with pytest.raises(DataError, match="table of log events"):
        read(ENROLMENTS, write(tmp_path, "mdl_logstore_standard_log.csv", text))


# ------------------------------------------------------------------------------------------------ OULAD, odd days


def test_a_file_named_like_oulad_with_other_columns_is_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, "studentInfo.csv", "student,course,date\n1,c,2024-01-01\n")
    assert choose(COURSES, path).adapter is ENROLMENTS


def test_oulad_days_beyond_any_course_are_dropped_and_missing_ones_told(tmp_path: Path) -> None:
    rows = ("AAA,2014B,1,NA", "AAA,2014B,2,inf", "AAA,2014B,3,1e9", "AAA,2014B,4,-2.0")
    head = "code_module,code_presentation,id_student,date_registration\n"
    found = read(OULAD, write(tmp_path, "studentRegistration.csv", head + "\n".join(rows) + "\n"))
    assert found.main["time"].tolist() == [pd.Timestamp("2014-01-30"), pd.Timestamp("2014-02-01")]
    assert found.provenance.ledger.dropped == {
        "studentRegistration: date_registration is no number": 1,
        "studentRegistration: date_registration is no day of a course": 1,
    }
    path = write(tmp_path, "studentRegistration.csv", head.replace(",", ";") + "AAA;2014B;1;-3,5\n")
    with pytest.raises(DataError, match="date_registration is no number"):
        read(OULAD, path)


def test_oulad_results_and_registrations_that_do_not_meet_are_told(tmp_path: Path) -> None:
    write(tmp_path, "studentRegistration.csv", REGISTERED.replace("soon", "4"))
    info = "code_module,code_presentation,id_student,final_result\nAAA,2014B,7,Pass\nAAA,2014B,9,Fail\n"
    write(tmp_path, "studentInfo.csv", info)
    lengths = "code_module,code_presentation,module_presentation_length\nAAA,2014B,240\nAAA,2014B,241\nBBB,2014B,1e12\n"
    write(tmp_path, "courses.csv", lengths)
    found = read(OULAD, tmp_path)
    assert found.main["completed"].tolist()[0] == pd.Timestamp("2014-02-01") + pd.Timedelta(days=240)
    assert found.provenance.ledger.dropped == {
        "studentInfo: a result without a registration": 1,
        "courses: a length that is no number of days": 1,
        "courses: another length of the same presentation": 1,
    }
    assert any("1 registrations have no row in studentInfo" in one for one in found.provenance.ledger.warnings)
    write(tmp_path, "courses.csv", "module,module_presentation_length\nAAA,240\n")
    with pytest.raises(DataError, match="courses has no column code_module"):
        read(OULAD, tmp_path)


def test_oulad_clicks_alone_count_each_row_once(tmp_path: Path) -> None:
    head = "code_module,code_presentation,id_student,id_site,date,sum_click\n"
    rows = ("AAA,2014B,7,1,5,4", "AAA,2014B,7,1,-3,1", "AAA,2014B,7,1,x,1", "AAA,2014B,,1,5,1", "AAA,2014B,8,1,5,-4")
    found = read(OULAD, write(tmp_path, "studentVle.csv", head + "\n".join(rows) + "\n"))
    assert found.main["time"].tolist() == [pd.Timestamp("2014-01-29")]
    assert found.provenance.ledger.dropped == {
        "studentVle: id_student is missing": 1, "studentVle: a day or a number of clicks that is no number": 2,
    }  # fmt: skip


def test_oulad_without_days_of_registration_says_so(tmp_path: Path) -> None:
    head = "code_module,code_presentation,id_student,final_result\n"
    found = read(OULAD, write(tmp_path, "studentInfo.csv", head + "AAA,2014B,7,Pass\n"))
    assert any("no day of registration" in one for one in found.provenance.ledger.warnings)


# ------------------------------------------------------------------------------------------------ RecBole, odd files

INTER = "user_id:token\titem_id:token\ttimestamp:float\n"


@pytest.mark.parametrize(
    ("stamp", "time"),
    [
        ("1700000000", "2023-11-14 22:13:20"), ("1700000000.123", "2023-11-14 22:13:20.123"),
        ("1700000000123", "2023-11-14 22:13:20.123"), ("1700000000123457", "2023-11-14 22:13:20.123457"),
        ("1700000000123456789", "2023-11-14 22:13:20.123456789"), ("1.7e9", "2023-11-14 22:13:20"),
    ],
)  # fmt: skip
def test_recbole_times_are_exact_in_each_unit(stamp: str, time: str, tmp_path: Path) -> None:
    found = read(RECBOLE, write(tmp_path, "a.inter", INTER + f"1\t2\t{stamp}\n"))
    assert found.main["time"].tolist() == [pd.Timestamp(time)]


def test_recbole_packed_file_and_hidden_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a.train.inter.gz").write_bytes(gzip.compress((INTER + "007\t05\t1700000000\n").encode()))
    (tmp_path / "._a.inter").write_bytes(b"\0\0")
    for path in (tmp_path, tmp_path / "a.train.inter.gz"):
        assert choose(COURSES, path).adapter is RECBOLE
        found = read(RECBOLE, path, salt="s")
        assert found.main[["learner", "course", "split"]].astype(str).values.tolist() == [
            [pseudonym("007", "s"), "05", "train"]
        ]


def test_recbole_parts_beside_the_whole_are_refused(tmp_path: Path) -> None:
    for name in ("a.inter", "a.train.inter", "a.test.inter"):
        write(tmp_path, name, INTER + "1\t2\t10\n")
    with pytest.raises(DataError, match="the same rows may stand in several"):
        read(RECBOLE, tmp_path)


def test_recbole_quotes_that_join_lines_are_refused(tmp_path: Path) -> None:
    rows = '1\t2\t1700000000\t"good\n1\t3\t1700000001\tfine\n1\t4\t1700000002\tnice" x\n'
    path = write(tmp_path, "a.inter", INTER.strip() + "\treview:token_seq\n" + rows)
    with pytest.raises(DataError, match=r"joins several lines into one cell \(line 2\)"):
        read(RECBOLE, path)


def test_recbole_other_separator_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.inter", INTER.replace("\t", ",") + "1,2,1700000000\n")
    with pytest.raises(DataError, match="--option delimiter=,"):
        read(RECBOLE, path)
    assert len(read(RECBOLE, path, delimiter=",").main) == 1


def test_recbole_items_that_are_left_out_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.inter", INTER + "1\t2\t10\n")
    write(tmp_path, "a.item", "item_id:token\ttitle:token_seq\n2\tOne\n2\tTwo\n3\n")
    found = read(RECBOLE, path)
    assert found.tables["catalogue"].values.tolist() == [["2", "One"]]
    assert found.provenance.ledger.dropped == {"a.item: 1 cells instead of 2": 1, "a.item: a repetition of an item": 1}
    assert any("perhaps they only say an order" in one for one in found.provenance.ledger.warnings)
    write(tmp_path, "a.item", 'item_id:token\ttitle:token_seq\n2\t"One\n3\tTwo"\n')
    found = read(RECBOLE, path)
    assert "catalogue" not in found.tables
    assert any("it was not read" in one for one in found.provenance.ledger.warnings)


def test_a_catalogue_that_is_named_is_read_by_every_adapter_of_tables(tmp_path: Path) -> None:
    named = write(tmp_path, "offer.csv", "course,seats\n2,30\n")
    clicks = "code_module,code_presentation,id_student,id_site,date,sum_click\nAAA,2014B,7,1,2,4\n"
    paths = (
        (RECBOLE, write(tmp_path, "a.inter", INTER + "1\t2\t10\n")),
        (OULAD, write(tmp_path, "studentVle.csv", clicks)),
        (ENROLMENTS, write(tmp_path, "e.csv", "user,course,date\n1,2,2024-01-01\n")),
    )
    for adapter, path in paths:
        assert read(adapter, path, catalogue=str(named)).tables["catalogue"].values.tolist() == [["2", 30]]


def test_a_mapping_is_used_or_refused_and_never_ignored(tmp_path: Path) -> None:
    names = {"learner": "uid", "course": "iid", "time": "at"}
    path = write(tmp_path, "a.inter", "uid:token\tiid:token\tat:float\n1\t2\t1700000000\n")
    found = RECBOLE.read(path, ReadOptions(schema=SCHEMA, mapping=names))
    assert found.provenance.mapping == names
    clicks = "code_module,code_presentation,id_student,id_site,date,sum_click\nAAA,2014B,7,1,2,4\n"
    fixed = (
        (OULAD, write(tmp_path, "studentVle.csv", clicks)),
        (XAPI, write(tmp_path, "s.json", json.dumps(statement(1)))),
    )
    for adapter, file in fixed:
        own = read(adapter, file).provenance.mapping
        assert len(adapter.read(file, ReadOptions(schema=SCHEMA, mapping=own)).main) == 1
        with pytest.raises(UsageError, match="reads fixed columns"):
            adapter.read(file, ReadOptions(schema=SCHEMA, mapping={"course": "id_site"}))


# ------------------------------------------------------------------------------------------------ catalogues


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("catalogue.csv", "course,prereq\nA,{bad\n", "is no JSON"),
        ("catalogue.csv", "course,seats\nA,-5\n", "seats of A are -5"),
        ("catalogue.csv", "course,seats\nA,2.5\n", "seats of A are 2.5"),
        ("catalogue.json", '{"courses": {"A": {"seats": "thirty"}}}', "seats of A are 'thirty'"),
        ("catalogue.json", '{"courses": {"A": {"seats": 1e400}}}', "seats of A are inf"),
        ("catalogue.json", '{"courses": {"A": {"prereq": {"and": "BCD"}}}}', "condition of A"),
        ("catalogue.json", '{"courses": {"A": {"prereq": {"or": null}}}}', "condition of A"),
    ],
)
def test_a_catalogue_that_cannot_be_understood_is_refused(name: str, text: str, match: str, tmp_path: Path) -> None:
    write(tmp_path, "enrolments.csv", "user,course,date\nu1,A,2024-01-01\n")
    write(tmp_path, name, text)
    with pytest.raises(DataError, match=match):
        read(ENROLMENTS, tmp_path)


def test_seats_that_are_no_number_are_told(tmp_path: Path) -> None:
    write(tmp_path, "enrolments.csv", "user,course,date\nu1,A,2024-01-01\n")
    write(tmp_path, "catalogue.csv", "course,seats\nA,many\nB,2\n")
    assert any("cells of seats" in one for one in read(ENROLMENTS, tmp_path).provenance.ledger.warnings)
