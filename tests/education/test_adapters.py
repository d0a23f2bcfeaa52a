"""Files of education: the listed facts, or a right and clear refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals_education.adapters.moodle import MOODLE_LOG
from verticals_education.adapters.oulad import OULAD
from verticals_education.adapters.recbole import RECBOLE
from verticals_education.adapters.table import ENROLMENTS
from verticals_education.adapters.xapi import XAPI, score_of, seconds_of
from verticals_education.courses import COURSES
from verticals_education.pseudonyms import pseudonym
from verticals_education.schema import SCHEMA
from verticals_plugins import Adapter, BadInput, DataError, Dataset, ReadOptions

Shared = Callable[[str], Path]
EVERY = (RECBOLE, OULAD, MOODLE_LOG, XAPI, ENROLMENTS)


def read(adapter: Adapter, path: Path, *, target: bool = True, **options: str) -> Dataset:
    return adapter.read(path, ReadOptions(schema=SCHEMA, options=options, need_target=target))


def best(path: Path) -> Adapter:
    return max(EVERY, key=lambda one: one.sniff(path).score)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("bad", COURSES.bad_inputs, ids=lambda one: one.name)
def test_documented_bad_input_gives_the_documented_error(bad: BadInput, tmp_path: Path) -> None:
    path = bad.make(tmp_path)
    with pytest.raises(bad.error, match=bad.match):
        read(best(path), path)


# ------------------------------------------------------------------------------------------------ plain tables


def test_table_with_catalogue_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "enrolments.csv", "user,course,date\nu1,c1,2024-01-05\nu1,c2,2024-02-01\nu2,c2,2024-02-03\n")
    write(tmp_path, "catalogue.csv", "code,name,prereq,capacity\nc1,One,,30\nc2,Two,c1,\nc3,Three,c1 and c2,5\n")
    found = read(ENROLMENTS, tmp_path, salt="s")
    assert len(found.main) == 3
    assert set(found.main["learner"]) == {pseudonym("u1", "s"), pseudonym("u2", "s")}
    assert found.tables["catalogue"]["course"].tolist() == ["c1", "c2", "c3"]
    assert found.tables["catalogue"]["prerequisites"].tolist() == ["", "c1", "c1 and c2"]


def test_catalogue_in_json_may_be_named(tmp_path: Path) -> None:
    data = write(tmp_path, "e.csv", "user,course,date\nu1,P7C,2024-01-05\n")
    other = write(tmp_path, "c.json", json.dumps({"courses": {"P7D": {"prereq": {"and": ["P7C", "M2B"]}}, "M2B": {}}}))
    found = read(ENROLMENTS, data, catalogue=str(other))
    assert found.tables["catalogue"]["prerequisites"].tolist() == ["P7C and M2B", ""]


def test_no_identifier_stays_and_the_key_matters(tmp_path: Path) -> None:
    path = write(tmp_path, "e.csv", "student,module,date\nada@example.org,c1,2024-01-05\n")
    one, other, again = (read(ENROLMENTS, path, salt=salt) for salt in ("a", "b", "a"))
    assert "ada" not in one.main.to_csv()
    assert one.main["learner"].iloc[0] != other.main["learner"].iloc[0]
    assert one.main["learner"].iloc[0] == again.main["learner"].iloc[0]
    assert one.provenance.notes["salt"] == "a"
    assert not any("public key" in line for line in one.provenance.ledger.warnings)
    assert any("public key" in line for line in read(ENROLMENTS, path).provenance.ledger.warnings)


def test_scoring_a_file_asks_once_for_each_learner_after_the_last_row(tmp_path: Path) -> None:
    path = write(tmp_path, "e.csv", "user,course,date\nu1,c1,2024-01-05\nu1,c2,2024-02-01\nu2,c2,2024-02-03\n")
    found = read(ENROLMENTS, path, target=False)
    asks = found.main[found.main["course"].isna()]
    assert len(asks) == 2
    assert asks["time"].tolist() == [pd.Timestamp("2024-02-01 00:00:01"), pd.Timestamp("2024-02-03 00:00:01")]
    assert found.main["id"].is_unique


def test_request_without_learner_is_an_error_that_names_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "ask.csv", "user,date\nu1,2024-03-01\n,2024-03-01\n")
    with pytest.raises(DataError, match=r"names no learner \(line 3\)"):
        read(ENROLMENTS, path, target=False)


@pytest.mark.parametrize(
    "name", ["user_course_test_first1500lines.csv", "prerequisite_relations.csv", "school-course.csv"]
)
def test_relations_without_time_are_refused(name: str, shared: Shared) -> None:
    path = shared(f"formats/education/mooccube/{name}")
    with pytest.raises(DataError, match=r"no column for .*'time'"):
        read(best(path), path)


# ------------------------------------------------------------------------------------------------ RecBole


def test_recbole_facts(shared: Shared) -> None:
    folder = shared("formats/education/recbole")
    plain = read(RECBOLE, folder / "seq_dataset.inter")
    assert sorted(plain.main["learner"].value_counts()) == [2, 3, 5, 8]
    sparse = read(RECBOLE, folder / "filter_nan_user_or_item.inter")
    assert len(sparse.main) == 1
    assert sum(sparse.provenance.ledger.dropped.values()) == 3 + 2
    twice = read(RECBOLE, folder / "rm_dup_and_filter_value.inter").main
    assert len(twice) == 4
    assert twice["time"].is_monotonic_increasing
    parts = {one: read(RECBOLE, folder / f"seq_benchmark.{one}.inter") for one in ("train", "valid", "test")}
    assert {one: len(found.main) for one, found in parts.items()} == {"train": 7, "valid": 3, "test": 4}
    assert all((found.main["split"] == one).all() for one, found in parts.items())


def test_recbole_lists_are_history_of_their_rows(shared: Shared) -> None:
    found = read(RECBOLE, shared("formats/education/recbole") / "seq_benchmark.valid.inter")
    examples = COURSES.examples(found)
    assert sorted(examples.frame["taken"]) == [3, 4, 5]


def test_recbole_reads_a_real_set_with_titles(shared: Shared) -> None:
    found = read(RECBOLE, shared("education/rec_ml100k"))
    assert (len(found.main), found.main["learner"].nunique(), found.main["course"].nunique()) == (100_000, 943, 1682)
    assert found.tables["catalogue"]["title"].iloc[0] == "Toy Story"


def test_recbole_milliseconds(tmp_path: Path) -> None:
    path = write(tmp_path, "x.inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t1700000000000\n")
    assert read(RECBOLE, path).main["time"].iloc[0] == pd.Timestamp("2023-11-14 22:13:20")


# ------------------------------------------------------------------------------------------------ OULAD


def test_oulad_clicks_are_summed_and_give_enrolments(shared: Shared) -> None:
    found = read(OULAD, shared("formats/education/oulad/studentVle_first40rows.csv"), salt="s")
    clicks = found.tables["activity"]
    assert clicks["clicks"].sum() == 201
    one = clicks[(clicks["learner"] == pseudonym("28400", "s")) & (clicks["id_site"] == "546652")]
    assert one["clicks"].tolist() == [14]
    assert found.main["learner"].nunique() == len(found.main) == 4
    assert (found.main["time"] == pd.Timestamp("2013-09-21")).all()


def test_oulad_folder(shared: Shared) -> None:
    found = read(OULAD, shared("education/outcome_oulad_raw"))
    assert len(found.main) == 12_489
    assert found.main["completed"].notna().sum() == 7310 + 1607
    assert set(found.main["course"]) == {"AAA", "BBB", "DDD", "EEE", "FFF", "GGG"}


def test_oulad_quoted_file_and_missing_day(tmp_path: Path) -> None:
    text = '"code_module","code_presentation","id_student","date_registration","date_unregistration"\n'
    path = write(tmp_path, "studentRegistration.csv", text + '"AAA","2014B","7","-159",""\n"BBB","2014J","7","","3"\n')
    found = read(OULAD, path)
    assert found.main["time"].tolist() == [pd.Timestamp("2013-08-26"), pd.Timestamp("2014-10-01")]
    assert any("1 registrations have no day" in line for line in found.provenance.ledger.warnings)


# ------------------------------------------------------------------------------------------------ Moodle


def test_moodle_facts(shared: Shared) -> None:
    found = read(MOODLE_LOG, shared("formats/education/moodle_log/example_platform_logs.csv"), salt="s")
    dropped = found.provenance.ledger.dropped
    assert found.provenance.notes["events"] == "20"
    assert dropped["an event of nobody (user id 0)"] == 13
    assert found.main[["learner", "time"]].values.tolist() == [
        [pseudonym("287", "s"), pd.Timestamp("2023-01-23 11:56")]
    ]
    assert found.main["course"].tolist() == ["36"]
    assert found.tables["catalogue"]["title"].tolist() == ["Course name 36"]


VIEWED = "The user with id '5' viewed the course with id '7'."
ENROLLED = "The user with id '2' enrolled the user with id '6' using the method 'manual' in the course with id '7'."
LOG = [
    ("23.01.2023, 12:09", "Ada Roe", "{course}: Biology", "view", VIEWED),
    ("24.01.2023, 08:00", "Ada Roe", "{course}: Biology", "view", VIEWED),
    ("22.01.2023, 08:00", "Bo Poe", "{course}: Biology", "enrol", ENROLLED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "course"),
    [
        (("Zeit", "Vollständiger Name", "Ereigniskontext", "Ereignisname", "Beschreibung"), "Kurs"),
        (
            ("Heure", "Nom complet de l'utilisateur", "Contexte de l'événement", "Nom de l'événement", "Description"),
            "Cours",
        ),
        (("Hora", "Nombre completo del usuario", "Contexto del evento", "Nombre evento", "Descripción"), "Curso"),
        (("Data/Ora", "Nome completo dell'utente", "Contesto dell'evento", "Nome evento", "Descrizione"), "Corso"),
    ],
)
def test_moodle_localised_headers(headers: tuple[str, ...], course: str, tmp_path: Path) -> None:
    table = pd.DataFrame(LOG, columns=list(headers)).replace({"{course}": course}, regex=True)
    path = tmp_path / "logs.csv"
    table.to_csv(path, index=False)
    assert best(path) is MOODLE_LOG
    found = read(MOODLE_LOG, path, salt="s")
    at = dict(zip(found.main["learner"], found.main["time"], strict=True))
    assert at == {
        pseudonym("5", "s"): pd.Timestamp("2023-01-23 12:09"), pseudonym("6", "s"): pd.Timestamp("2023-01-22 08:00")
    }  # fmt: skip
    assert found.tables["catalogue"]["title"].tolist() == ["Biology"]


def test_moodle_header_of_another_language_may_be_mapped(tmp_path: Path) -> None:
    table = pd.DataFrame(LOG, columns=["Aeg", "Kasutaja", "Kontekst", "Sündmus", "Kirjeldus"])
    path = tmp_path / "logs.csv"
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match="--map time=COLUMN"):
        read(MOODLE_LOG, path)
    given: Mapping[str, str] = {
        "time": "Aeg", "learner": "Kasutaja", "context": "Kontekst", "event": "Sündmus", "description": "Kirjeldus",
    }  # fmt: skip
    found = MOODLE_LOG.read(path, ReadOptions(schema=SCHEMA, mapping=given))
    assert len(found.main) == 2


def test_moodle_ambiguous_dates_are_refused(tmp_path: Path) -> None:
    text = "Time,User full name,Event context,Event name,Description\n"
    path = write(
        tmp_path,
        "l.csv",
        text + "\"03/04/23, 12:09\",A,Course: X,v,The user with id '5' viewed the course with id '7'.\n",
    )
    with pytest.raises(DataError, match="day-first and month-first"):
        read(MOODLE_LOG, path)
    assert read(MOODLE_LOG, path, date_format="mdy").main["time"].iloc[0] == pd.Timestamp("2023-03-04 12:09")


# ------------------------------------------------------------------------------------------------ xAPI


def test_xapi_scores_whose_parts_disagree(tmp_path: Path) -> None:
    """CASES 1."""
    text = [
        {"id": "a1", "actor": {"account": {"homePage": "http://x", "name": "1"}},
         "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}, "object": {"id": "http://x/quiz/7"},
         "result": {"score": {"raw": 50, "min": 0, "max": 100, "scaled": 0.0}, "success": True}},
        {"id": "a2", "actor": {"account": {"homePage": "http://x", "name": "2"}},
         "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}, "object": {"id": "http://x/quiz/7"},
         "result": {"score": {"scaled": 95}}},
        {"id": "a3", "actor": {"account": {"homePage": "http://x", "name": "3"}},
         "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"}, "object": {"id": "http://x/quiz/7"},
         "result": {"score": {"raw": 0, "min": 0, "max": 0, "scaled": 0}}},
    ]  # fmt: skip
    found = read(XAPI, write(tmp_path, "s.json", json.dumps(text)))
    table, warnings = found.tables["statements"], found.provenance.ledger.warnings
    assert table["id"].tolist() == ["a1", "a2", "a3"]
    assert table["score"].iloc[0] == 0.5
    assert table["score"].isna().tolist() == [False, True, True]
    assert "a1: scaled 0.0 disagrees with raw/max 0.5" in warnings
    assert "a2: scaled 95 is out of range (-1..1)" in warnings
    assert "a3: no score: 0 of 0" in warnings
    assert sum(line.endswith("no timestamp") for line in warnings) == 3
    with pytest.raises(DataError, match="3 of 3 enrolments have no time"):
        COURSES.examples(found)


def test_xapi_video_facts(shared: Shared) -> None:
    found = read(XAPI, shared("formats/education/xapi/ralph_video_first200.jsonl"))
    table = found.tables["statements"]
    assert (len(table), table["id"].nunique(), table["learner"].nunique(), table["object"].nunique()) == (
        200,
        200,
        154,
        10,
    )
    assert table["course"].nunique() == 2
    counts = {
        "paused": 60,
        "played": 57,
        "seeked": 30,
        "interacted": 28,
        "initialized": 15,
        "completed": 9,
        "terminated": 1,
    }
    assert table["verb"].value_counts().to_dict() == counts
    assert table["time"].min() == pd.Timestamp("2021-11-24 12:59:20.084197")
    assert table["score"].isna().all()


def test_xapi_multichoice_facts(shared: Shared) -> None:
    found = read(XAPI, shared("formats/education/xapi/logstore_mod_quiz_attempt_submitted_multichoice.json"))
    table = found.tables["statements"]
    assert table["verb"].tolist() == ["completed", "answered"]
    assert table["score"].iloc[0] == 0.5
    assert table["seconds"].iloc[0] == 1.0
    assert table["response"].iloc[1] == "answer-1"


def test_xapi_group_of_answers_can_be_told_from_its_answers(shared: Shared) -> None:
    found = read(
        XAPI, shared("formats/education/xapi/erb_problem_check_server_multiple_questions_partial_correct_.json")
    )
    table = found.tables["statements"]
    answers = table[table["kind"] != "GroupActivity"]
    assert (len(answers), answers["success"].sum()) == (3, 2)


def test_xapi_single_object_and_cut_line(shared: Shared, tmp_path: Path) -> None:
    one = read(XAPI, shared("formats/education/xapi/yet_completion.json")).tables["statements"]
    assert one[["score", "success", "completion"]].values.tolist() == [[0.95, 1.0, 1.0]]
    good = json.dumps({"actor": {"mbox": "mailto:a@x"}, "verb": {"id": "v/attempted"}, "object": {"id": "c"},
                       "timestamp": "2024-01-01T00:00:00+02:00"})  # fmt: skip
    found = read(XAPI, write(tmp_path, "cut.jsonl", good + "\n" + good[:40] + "\n"))
    assert found.main["time"].tolist() == [pd.Timestamp("2023-12-31 22:00")]
    assert found.provenance.ledger.dropped == {"a line that is no JSON": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1S", 1),
        ("PT0H5M21S", 321),
        ("PT40M12.5S", 2412.5),
        ("P1DT1H", 90_000),
        ("P2W", 1_209_600),
        ("P", None),
        (3, None),
    ],
)
def test_durations(text: object, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_score_outside_its_own_range_is_none() -> None:
    found = score_of({"score": {"raw": 120, "min": 0, "max": 100}})
    assert found.value is None
    assert "outside" in found.doubt


def test_times_of_one_learner_are_in_order(shared: Shared) -> None:
    found = read(XAPI, shared("formats/education/xapi/ralph_video_first200.jsonl"))
    assert np.all(np.diff(found.main["time"].to_numpy()) >= np.timedelta64(0))
