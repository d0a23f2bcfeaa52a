"""Moodle log exports (site or course logs as CSV): an enrolment is the first time a user enters a course.

Headers are localised; the map below knows the languages whose words it lists. In others the columns are known by their
places around the description, which Moodle writes in English everywhere; ``--map`` takes the rest: time, learner (the
user's full name), context, event, description. Events of nobody ("-", user id 0) and of the front page (course 1)
are counted and left out. A user is known by the id in the description where there is one, else by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from verticals.data.files import table_files
from verticals.data.raw import Raw, read_raw
from verticals_education.adapters.common import TEXT_OPTIONS, Found, catalogue_beside, columns_like, finished, times_of
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff, VerticalsError

# en, de, fr, es, it, pt, nl, pl, ru, cs, ca, sv, da, fi, tr, zh, ja
HEADERS: dict[str, tuple[str, ...]] = {
    "time": ("Time", "Zeit", "Heure", "Date", "Hora", "Fecha y hora", "Fecha", "Data", "Data/Ora", "Ora", "Orario",
             "Tijd", "Tijdstip", "Czas", "Время", "Čas", "Tid", "Tidspunkt", "Aika", "Zaman", "时间", "時間", "日時"),
    "learner": ("User full name", "Vollständiger Name", "Nutzer/in", "Name", "Nom complet de l'utilisateur",
                "Nom complet", "Nombre completo del usuario", "Nombre completo", "Nome completo dell'utente",
                "Nome completo", "Nome completo do usuário", "Nome completo do utilizador", "Volledige naam gebruiker",
                "Volledige naam", "Imię i nazwisko użytkownika", "Pełna nazwa użytkownika", "Полное имя пользователя",
                "Celé jméno uživatele", "Nom complet de l'usuari", "Användarens fullständiga namn",
                "Brugers fulde navn", "Käyttäjän koko nimi", "Kullanıcı tam adı", "Kullanıcının tam adı", "用户全名",
                "用户全称", "ユーザフルネーム", "ユーザ氏名"),
    "context": ("Event context", "Ereigniskontext", "Kontext", "Kontext des Ereignisses", "Contexte de l'événement",
                "Contexto del evento", "Contesto evento", "Contesto dell'evento", "Contexto do evento",
                "Context van gebeurtenis", "Gebeurteniscontext", "Kontekst zdarzenia", "Контекст события",
                "Kontext události", "Context de l'esdeveniment", "Händelsekontext", "Hændelseskontekst",
                "Tapahtuman konteksti", "Olay bağlamı", "事件情境", "事件上下文",
                "イベントコンテクスト", "イベントコンテキスト"),
    "event": ("Event name", "Ereignisname", "Name des Ereignisses", "Nom de l'événement", "Nombre evento",
              "Nombre del evento", "Nome evento", "Nome dell'evento", "Nome do evento", "Naam gebeurtenis",
              "Gebeurtenisnaam", "Nazwa zdarzenia", "Название события", "Název události", "Nom de l'esdeveniment",
              "Händelsenamn", "Hændelsesnavn", "Tapahtuman nimi", "Olay adı", "事件名称", "イベント名"),
    "description": ("Description", "Beschreibung", "Descripción", "Descrizione", "Descrição", "Beschrijving", "Opis",
                    "Описание", "Popis", "Descripció", "Beskrivning", "Beskrivelse", "Kuvaus", "Açıklama", "描述",
                    "说明", "説明"),
}  # fmt: skip
NOBODY = {"", "-", "–"}
COURSE = (
    "Course",
    "Kurs",
    "Cours",
    "Curso",
    "Corso",
    "Cursus",
    "Curs",
    "Курс",
    "Kurz",
    "Kursus",
    "Kurssi",
    "Ders",
    "课程",
    "課程",
    "コース",
)
FRONT = "1"
PLACES = {"time": -6, "learner": -5, "context": -3, "event": -1, "description": 0}
"""Columns of an export counted from the description: only the headers change with the language."""
LOOKED_AT = 200
"""Rows whose descriptions are looked at where headers are unknown."""
ACTOR = re.compile(r"[Uu]ser with id '(\d+)'")
IN_COURSE = re.compile(r"course with id '(\d+)'")
ENROLS = re.compile(r"[Uu]ser with id '\d+' enrolled the user with id '(\d+)'.*course with id '(\d+)'")
LEAVES = re.compile(r"[Uu]ser with id '\d+' unenrolled the user")
CONTEXT = re.compile(rf"^(?:{'|'.join(COURSE)})\s*[:：]\s*(.+)$", re.I)


def read_moodle(path: Path, options: ReadOptions) -> Dataset:
    """Read a log; courses are named by their id, their title is what the context says.

    Raises:
        DataError: a header is in none of the known languages, times are ambiguous, or nobody entered a course.
    """
    raw = read_raw(
        path, {k: v for k, v in options.options.items() if k in ("encoding", "delimiter")}, limit=options.limit
    )
    columns = _columns(raw, options)
    ledger = raw.ledger
    time, how = times_of(_plain_times(raw, columns["time"], options), columns["time"], options.options)
    cells = {key: _text(raw, column) for key, column in columns.items() if key != "time"}
    if np.isnat(time).all():
        raise DataError(
            f"{raw.name}: no cell of {columns['time']!r} can be read as a time ({_text(raw, columns['time'])[0]!r}).",
            expected="Like 23/01/23, 12:09.", todo="State the format: --option date_format=%d/%m/%y, %H:%M",
        )  # fmt: skip
    frame, titles = _entries(raw, time, cells, ledger)
    mapping = {**columns, "course": columns.get("description", columns["context"])}
    found = Found(frame, "education.moodle_log", raw.sources, ledger, mapping, {"events": str(raw.table.num_rows)})
    if how:
        found.notes["time"] = how
    catalogue = pd.DataFrame({"course": list(titles), "title": [titles[one] for one in titles]})
    named = catalogue_beside(path, options, ledger) if options.options.get("catalogue") else None
    return finished(found, options, catalogue if named is None else named)


def _plain_times(raw: Raw, column: str, options: ReadOptions) -> pa.ChunkedArray:
    """The cells without the day of the week and the comma before the clock, unless the format is stated."""
    if "%" in options.options.get("date_format", ""):
        return raw.table[column]
    cells = [re.sub(r"^[^\W\d]{3,}\.?,\s+(?=\d)", "", re.sub(r"\s", " ", one)) for one in _text(raw, column)]
    return pa.chunked_array([pa.array([re.sub(r",(?=\s+\d{1,2}:)", "", one) for one in cells], pa.string())])


def _columns(raw: Raw, options: ReadOptions) -> dict[str, str]:
    given = dict(options.mapping)
    missing = [column for column in given.values() if column not in raw.table.column_names]
    if missing:
        raise DataError(
            f"{raw.name} has no column {missing[0]!r}.", expected=f"One of {', '.join(raw.table.column_names)}."
        )
    columns = _known(raw) | {key: value for key, value in given.items() if key in HEADERS}
    absent = [key for key in ("time", "learner", "context", "event") if key not in columns]
    if absent:
        raise DataError(
            f"{raw.name}: no column is known as {', '.join(absent)} (columns: {', '.join(raw.table.column_names)}).",
            expected="A Moodle log export, in a language that is known.",
            todo=f"Name the columns: {' '.join(f'--map {one}=COLUMN' for one in absent)}",
        )
    return columns


def _known(raw: Raw) -> dict[str, str]:
    """The columns by their headers; by their places where headers are in no known language."""
    columns = columns_like(raw, HEADERS)
    if {"time", "learner", "context", "event"} <= set(columns):
        return columns
    names = raw.table.column_names
    for at, name in enumerate(names[6:], start=6):
        if any(ACTOR.search(one) for one in _text(raw, name)[:LOOKED_AT]):
            raw.ledger.warn("the headers are in no known language: the columns were taken by their places")
            return {key: names[at + place] for key, place in PLACES.items()}
    return columns


def _entries(
    raw: Raw, time: np.ndarray, cells: dict[str, list[str]], ledger: Ledger
) -> tuple[pd.DataFrame, dict[str, str]]:  # fmt: skip
    """First entry of each user into each course, and the courses' titles; what is left out is counted."""
    texts = cells.get("description", [""] * len(time))
    known = _identities(cells, texts)
    rows: list[tuple[str, np.datetime64, str]] = []
    left: dict[str, list[int]] = {}
    for number, (name, context, text) in enumerate(zip(cells["learner"], cells["context"], texts, strict=True)):
        enrols, actor, inside = ENROLS.search(text), ACTOR.search(text), IN_COURSE.search(text)
        title = CONTEXT.match(context)
        course = (
            enrols[2] if enrols else inside[1] if inside else known.courses.get(title[1], title[1]) if title else ""
        )
        who = enrols[1] if enrols else actor[1] if actor else known.people.get(name, name)
        reason = ""
        if LEAVES.search(text):
            reason = "an event of leaving a course"
        elif who in NOBODY or who == "0":
            reason = "an event of nobody (user id 0)"
        elif np.isnat(time[number]):
            reason = "the time cannot be read"
        elif not course:
            reason = "an event outside of a course, or of an activity whose course it does not name"
        elif course == FRONT:
            reason = "an event on the front page (course 1)"
        if reason:
            left.setdefault(reason, []).append(number)
            continue
        rows.append((who, time[number], course))
    for reason, numbers in left.items():
        ledger.drop(reason, len(numbers), raw.places(numbers[:5]))
    named = {course for _, _, course in rows}
    titles = {course: title for title, course in reversed(known.courses.items()) if course in named}
    return first_entries(rows, ledger), titles


@dataclass(frozen=True)
class Identities:
    """Name -> id of people, title -> id of courses, where a log tells exactly one id of a name."""

    people: dict[str, str]
    courses: dict[str, str]


def _identities(cells: dict[str, list[str]], texts: list[str]) -> Identities:
    """Some events tell the id of a user or a course and some the name alone: both mean the same one."""
    people: dict[str, set[str]] = {}
    courses: dict[str, set[str]] = {}
    for name, context, text in zip(cells["learner"], cells["context"], texts, strict=True):
        actor, inside, title = ACTOR.search(text), IN_COURSE.search(text), CONTEXT.match(context)
        if actor and name not in NOBODY:
            people.setdefault(name, set()).add(actor[1])
        if title:
            courses.setdefault(title[1], set()).update([inside[1]] if inside else [])
    single = ({name: next(iter(ids)) for name, ids in told.items() if len(ids) == 1} for told in (people, courses))
    return Identities(next(single), {**{title: title for title, ids in courses.items() if not ids}, **next(single)})


def first_entries(rows: list[tuple[str, np.datetime64, str]], ledger: Ledger) -> pd.DataFrame:
    """The earliest (learner, time, course) of each learner and course."""
    frame = pd.DataFrame(rows, columns=["learner", "time", "course"])
    frame["time"] = frame["time"].astype("datetime64[ns]")
    first = frame.sort_values("time", kind="stable").drop_duplicates(["learner", "course"], keep="first")
    ledger.drop("a later event of a learner in the same course", len(frame) - len(first))
    return first.reset_index(drop=True)


def _text(raw: Raw, column: str) -> list[str]:
    return [one.strip() for one in raw.table[column].cast(pa.string()).fill_null("").to_pylist()]


def sniff_moodle(path: Path) -> Sniff:
    """By the headers, in any of the known languages, or by the English descriptions."""
    try:
        raw = _peek(path)
    except (VerticalsError, OSError, ValueError) as err:
        return Sniff(0.0, f"no table: {err}")
    if {"time", "context", "event"} <= set(_known(raw)):
        return Sniff(0.95, "the columns of a Moodle log")
    return Sniff(0.0, "not the columns of a Moodle log")


def _peek(path: Path) -> Raw:
    """The first rows; of a file that is not UTF-8 as well, so that the error of reading it can say so."""
    file = table_files(path)[0]
    try:
        return read_raw(file, limit=LOOKED_AT)
    except DataError as err:
        if "UTF-8" not in err.found:
            raise
        return read_raw(file, {"encoding": "latin-1"}, limit=LOOKED_AT)


MOODLE_LOG = Adapter(
    name="education.moodle_log",
    summary="Moodle log exports (CSV, localised headers)",
    sniff=sniff_moodle,
    read=read_moodle,
    options=TEXT_OPTIONS,
)
