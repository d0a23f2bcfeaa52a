"""A patient at an index time: the case row, the timeline and the picture known by then; any may be missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from verticals.data.parse import MISSING
from verticals.data.table import in_class_order
from verticals_healthcare.adapters.common import SPARSE
from verticals_healthcare.schema import LABELS, RESERVED
from verticals_healthcare.timeline import Past, Variables, aggregates, empty_timeline, grid, past_of
from verticals_healthcare.units import canonical
from verticals_plugins import Block, DataError, Dataset, Examples, Images, Number, Table


@dataclass(frozen=True)
class CaseExamples:
    """Builds examples from the tables ``main`` and ``timeline`` and the array ``images``.

    ``variables`` is how many timeline variables become columns (those in most patients' pasts), ``hours`` and
    ``steps`` are the step and the length of the grid that the core reads.
    """

    variables: int = 64
    hours: float = 1.0
    steps: int = 96

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        """Examples of every row of ``main``, with nothing later than the row's ``time``."""
        main = dataset.main.reset_index(drop=True)
        rows = self._past(dataset, main)
        inputs: dict[str, Block] = {}
        if past is not None:
            main = with_columns(dataset, main, past)
        table = case_rows(dataset, main)
        variables = self._variables(dataset, past, rows)
        if variables is not None:
            table = pd.concat([table, aggregates(rows, variables)], axis=1)
            inputs["timeline"] = grid(rows, variables, hours=self.hours, most=self.steps)
        if table.shape[1]:
            inputs = {"table": Table(table), **inputs}
        shape = None if past is None else past.arrays.get("image_shape")
        images = pictures(dataset, main, shape)
        if images is not None:
            inputs["image"] = images
        if not inputs:
            raise DataError(
                "The cases have no input.",
                expected="A column beside the patient, the time and the outcome; a timeline; or pictures.",
                todo="Check the mapping with --explain-data.",
            )
        names = class_names(main, past)
        return Examples(frame_of(dataset, main), inputs, truth_of(main, names), known_at(dataset, main), names)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset | None:
        """The variables, the classes and the pictures' shape. No patient's row: a bundle must not carry patients."""
        main = dataset.main.reset_index(drop=True)
        rows = self._past(dataset, main)
        variables = self._variables(dataset, past, rows)
        tables = {"main": main.iloc[:0], "classes": pd.DataFrame({"name": list(class_names(main, past))}, dtype=str)}
        if variables is not None:
            tables["variables"] = pd.DataFrame({"name": variables.names, "numeric": variables.numeric})
        images = dataset.arrays.get("images")
        arrays = {} if images is None else {"image_shape": np.array(images.shape[1:], dtype=np.int64)}
        provenance = replace(dataset.provenance, sources=())
        return replace(dataset, tables=tables, arrays=arrays, provenance=provenance)

    def _past(self, dataset: Dataset, main: pd.DataFrame) -> Past:
        timeline = dataset.tables.get("timeline")
        timeline = empty_timeline() if timeline is None else canonical(timeline)
        return past_of(timeline, main["patient"], main["time"])

    def _variables(self, dataset: Dataset, past: Dataset | None, rows: Past) -> Variables | None:
        if past is not None:
            kept = past.tables.get("variables")
            return None if kept is None else Variables(tuple(kept["name"]), tuple(bool(one) for one in kept["numeric"]))
        return None if "timeline" not in dataset.tables else Variables.of(rows, self.variables)


def with_columns(dataset: Dataset, main: pd.DataFrame, past: Dataset) -> pd.DataFrame:
    """The cases with all columns of the training data, empty where a sparse format has none of them.

    Raises:
        DataError: columns are missing from a format that would have them.
    """
    inputs = [name for name in past.main.columns if name not in RESERVED and not str(name).startswith(LABELS)]
    missing = [name for name in inputs if name not in main]
    if missing and SPARSE not in dataset.provenance.notes:
        raise DataError(
            f"The cases lack {len(missing)} columns of the training data: {', '.join(map(str, missing[:5]))}.",
            expected="The same columns.", todo="Export them too; leave cells empty where nothing is known.",
        )  # fmt: skip
    empty = {name: pd.Series(np.nan, index=main.index).astype(past.main[name].dtype) for name in missing}
    alike = {name: as_trained(main[name], past.main[name]) for name in inputs if name in main}
    return main.assign(**{str(name): column for name, column in {**alike, **empty}.items()})


def as_trained(column: pd.Series, trained: pd.Series) -> pd.Series:
    """A column of new cases as number or text, whichever it was in training.

    Raises:
        DataError: it has words where training had numbers.
    """
    number = pd.api.types.is_numeric_dtype(trained)
    if number == pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    if not number:  # the words of training were numbers by chance here
        return column.map(lambda one: None if pd.isna(one) else f"{one:.15g}").astype(object)
    said = column.dropna().astype(str)
    said = said[~said.str.strip().str.lower().isin(MISSING)]
    if len(said):
        raise DataError(
            f"{column.name} says {said.iloc[0]!r}.", expected="Numbers, as in training.",
            todo="Correct the cells; leave them empty where nothing is known.",
        )  # fmt: skip
    return pd.Series(np.nan, index=column.index)


def case_rows(dataset: Dataset, main: pd.DataFrame) -> pd.DataFrame:
    """The columns of the case row that are inputs: numbers as float64, all else as text categories."""
    numbers = {one.name for one in dataset.schema.fields if isinstance(one, Number)}
    columns: dict[str, pd.Series] = {}
    for name in main.columns:
        if name in RESERVED or str(name).startswith(LABELS):
            continue
        column = main[name]
        if name in numbers or pd.api.types.is_numeric_dtype(column):
            columns[str(name)] = column.astype(np.float64)
        elif not pd.api.types.is_datetime64_any_dtype(column):
            columns[str(name)] = column.map(lambda one: one if pd.notna(one) else None).astype(object)
    return pd.DataFrame(columns, index=main.index)


def pictures(dataset: Dataset, main: pd.DataFrame, shape: np.ndarray | None) -> Images | None:
    """The picture of each row, -1 where there is none or where it was taken after the index time."""
    pixels = dataset.arrays.get("images")
    if pixels is None:
        if shape is None:
            return None
        blank = np.zeros((0, *(int(one) for one in shape)), dtype=np.uint8)
        return Images(blank, np.full(len(main), -1, dtype=np.int64))
    if shape is not None and tuple(pixels.shape[1:]) != tuple(int(one) for one in shape):
        raise DataError(
            f"The pictures are {' x '.join(map(str, pixels.shape[1:]))}.",
            expected=f"{' x '.join(str(int(one)) for one in shape)} (height, width, colours), as in training.",
        )
    index = main["image"].fillna(-1).to_numpy(dtype=np.int64) if "image" in main else np.full(len(main), -1)
    if "image_time" in main:
        index = np.where((main["image_time"] > main["time"]).to_numpy(), -1, index)
    return Images(pixels, index)


def class_names(main: pd.DataFrame, past: Dataset | None) -> tuple[str, ...]:
    """Names of the classes (or labels), the negative one first; () when nothing says so."""
    if past is not None and "classes" in past.tables:
        return tuple(past.tables["classes"]["name"])
    labels = label_columns(main)
    if labels:
        return tuple(name.removeprefix(LABELS) for name in labels)
    if "outcome" not in main or main["outcome"].isna().all():
        return ()
    return tuple(in_class_order({outcome_text(one) for one in main["outcome"].dropna().unique()}))


def outcome_text(value: object) -> str:
    """An outcome as text: 1, 1.0 and True are the same."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        return f"{float(value):g}"
    return str(value).strip()


def label_columns(main: pd.DataFrame) -> list[str]:
    """Columns of a multi-label target."""
    return [str(name) for name in main.columns if str(name).startswith(LABELS)]


def truth_of(main: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray | None:
    """(N,) class number, (N, K) labels with NaN = unknown, or None when any outcome is missing.

    Raises:
        DataError: an outcome that training did not know.
    """
    labels = [name for name in label_columns(main) if name.removeprefix(LABELS) in names]
    if labels:
        return main[labels].to_numpy(dtype=np.float64)
    if "outcome" not in main or main["outcome"].isna().any() or not names:
        return None
    text = main["outcome"].map(outcome_text)
    strange = sorted(set(text) - set(names))
    if strange:
        raise DataError(
            f"The outcomes {strange[:5]} were not there in training.",
            expected=f"One of {list(names)}.",
            todo="Map them to the known outcomes, or train again.",
        )
    return text.map({name: code for code, name in enumerate(names)}).to_numpy(dtype=np.int64)


def known_at(dataset: Dataset, main: pd.DataFrame) -> np.ndarray:
    """(N,) when each outcome is known: its own time, or the index time plus the label delay."""
    delay = np.timedelta64(round(dataset.schema.label_delay_days * 86_400), "s")
    late = main["time"].to_numpy().astype("datetime64[ns]") + delay
    if "outcome_time" not in main:
        return late
    given = main["outcome_time"].to_numpy().astype("datetime64[ns]")
    return np.where(np.isnat(given), late, given)


AGES = (0, 18, 40, 55, 65, 75, 85)
"""Lower ends of the age bands of the subgroup table, years."""


def frame_of(dataset: Dataset, main: pd.DataFrame) -> pd.DataFrame:
    """What names an example, resamples it, splits it and shows its subgroup."""
    frame = pd.DataFrame({"id": main["case"].astype(str), "entity": main["patient"].astype(str), "time": main["time"]})
    frame["patient"] = frame["entity"]
    for name in ("site", "split"):
        if name in main:
            frame[name] = main[name].astype(object).where(main[name].notna(), "unknown").astype(str)
    if "sex" in main:
        frame["sex"] = main["sex"].astype(object).where(main["sex"].notna(), "unknown").map(outcome_text)
    if "age" in main:
        names = [f"{low}-{high - 1}" for low, high in pairwise(AGES)] + [f"{AGES[-1]}+"]
        band = pd.cut(main["age"].astype(float), [*AGES, np.inf], right=False, labels=names)
        frame["age band"] = band.astype(object).where(band.notna(), "unknown").astype(str)
    return frame
