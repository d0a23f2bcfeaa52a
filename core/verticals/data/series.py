"""Series as examples: a long table (one row an entity and step) becomes one example an entity and origin.

Every entity stands on its own regular axis, so that lags follow the calendar and not the row number: a missing step is
NaN, never the row before. Rows after the last known target carry what is known ahead.

Legend: N examples, T steps of all axes together, C known columns, H horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from verticals.data.calendar import Calendar, calendar_of, known_calendar
from verticals_plugins import Category, DataError, Dataset, Examples, Field, Number, Schema, Series, Table

LEVELS_OF_A_CATEGORY = 24
"""A category known ahead becomes at most this many columns of 0 and 1."""
NOTE = "horizon"
"""Note of a dataset's provenance that says how many steps are to be foretold."""


@dataclass(frozen=True, kw_only=True)
class SeriesExamples:
    """Builds examples of ``horizon`` steps; 0 = as the dataset's note "horizon" says, else what suits the step.

    With ``past`` (when scoring) each entity of the dataset yields one example: what follows its last known target.
    Without it, every origin that has a whole horizon behind it, ``stride`` steps apart (0 = a quarter of the horizon),
    the latest ``most`` of each entity; column ``origin`` counts horizons back from the latest one.
    ``censored`` names a field that is true where the target is only a lower bound (sold out): such steps count as
    missing. ``carry`` names columns that a decision needs: known-ahead ones of the first step, others of the last.
    ``history`` steps of each entity are kept as a bundle's memory.
    """

    horizon: int = 0
    stride: int = 0
    most: int = 400
    censored: str = ""
    carry: tuple[str, ...] = ()
    history: int = 1500

    def __call__(self, dataset: Dataset, past: Dataset | None = None) -> Examples:
        """Examples with a block ``series``.

        Raises:
            DataError: no regular step, two rows for one step, series too short, planned values missing.
        """
        sized = self.sized(dataset, past)
        axes = Axes.build(_joined(dataset, past), dataset.schema, sized)
        if past is not None or not (axes.last >= axes.first).any():
            return sized._next(axes, dataset)
        if not (axes.length() >= sized.horizon + 1).any():
            raise DataError(
                f"The longest series has {int(axes.length().max())} steps, {sized.horizon} are to be foretold.",
                expected="At least a few horizons of history.",
                todo="Give a longer history, or a shorter horizon.",
            )
        return sized._rolling(axes, dataset)

    def sized(self, dataset: Dataset, past: Dataset | None = None) -> SeriesExamples:
        """The same builder with its horizon settled: a bundle's past decides, then the data's note, then the step."""
        if self.horizon:
            return self
        for one in (past, dataset):
            if one is not None and NOTE in one.provenance.notes:
                return replace(self, horizon=int(one.provenance.notes[NOTE]))
        schema, main = dataset.schema, _joined(dataset, past)
        assert schema.entity is not None
        assert schema.time is not None
        codes, names = pd.factorize(main[schema.entity.name].astype(str))
        calendar = calendar_of(main[schema.time.name], codes, schema.time.step, list(names))
        return replace(self, horizon=calendar.horizon)

    def memory(self, dataset: Dataset, past: Dataset | None = None) -> Dataset | None:
        """The last ``history`` rows of each entity with a known target."""
        schema, main = dataset.schema, _joined(dataset, past)
        assert schema.entity is not None
        assert schema.time is not None
        assert schema.target is not None
        if schema.target.name in main:
            main = main[main[schema.target.name].notna()]
        main = main.sort_values(schema.time.name, kind="stable")
        kept = main.groupby(schema.entity.name, sort=False, observed=True).tail(self.history)
        notes = {**dataset.provenance.notes, NOTE: str(self.sized(dataset, past).horizon)}
        remembered = replace(dataset, provenance=replace(dataset.provenance, notes=notes))
        return remembered.with_main(kept.sort_index().reset_index(drop=True))

    def _step(self) -> int:
        """The stride: a divisor of the horizon, so that whole horizons back are among the origins."""
        wanted = self.stride or max(1, self.horizon // 4)
        return next(step for step in range(wanted, 0, -1) if self.horizon % step == 0)

    def _rolling(self, axes: Axes, dataset: Dataset) -> Examples:
        """All origins with a whole horizon."""
        stride, parts = self._step(), []
        last = axes.last - self.horizon + 1
        # dates: origins lie on an absolute grid, so that later rows move none of them
        top = last if axes.calendar.unit == "steps" else last - last % stride
        for e in range(len(axes.names)):
            origins = np.arange(top[e], axes.first[e], -stride)[: self.most]
            parts.append(np.stack([np.full(len(origins), e), origins]))
        entity, origin = np.concatenate(parts, axis=1)
        seen = np.array([np.isfinite(one).any() for one in axes.windows(entity, origin, self.horizon)], dtype=bool)
        entity, origin = entity[seen], origin[seen]
        if not len(entity):
            raise DataError("No series has a known value after its first step.", expected="A history to learn from.")
        latest = top[entity] if axes.calendar.unit == "steps" else origin.max()
        order = np.lexsort((entity, origin))
        return self._examples(axes, dataset, entity[order], origin[order], ((latest - origin) / self.horizon)[order])

    def _next(self, axes: Axes, dataset: Dataset) -> Examples:
        """One example an entity of the dataset, after its last known target."""
        schema = dataset.schema
        assert schema.entity is not None
        here = set(dataset.main[schema.entity.name].astype(str).unique())
        entity = np.flatnonzero([name in here for name in axes.names])
        origin = axes.last[entity] + 1
        _check_plan(axes, entity, origin, self.horizon)
        return self._examples(axes, dataset, entity, origin, np.zeros(len(entity)))

    def _examples(
        self, axes: Axes, dataset: Dataset, entity: np.ndarray, origin: np.ndarray, back: np.ndarray
    ) -> Examples:
        place = axes.offset[entity] + origin - axes.first[entity]
        moment = axes.calendar.moments(origin, axes.phase[entity])
        names = np.asarray(axes.names, dtype=object)[entity]
        shown = origin.astype(str) if axes.calendar.unit == "steps" else np.datetime_as_string(moment, unit="s")
        frame = pd.DataFrame(
            {
                "id": [f"{name} @ {when}" for name, when in zip(names, shown, strict=True)],
                "entity": names,
                "time": moment,
                "series": names,
                "origin": back,
                "naive_error": axes.naive_error(place, axes.offset[entity]),
            }
        )
        for column in self.carry:
            if column in axes.carried:
                ahead = column in axes.ahead
                frame[column] = axes.carried[column][place if ahead else np.maximum(place - 1, axes.offset[entity])]
        static = None if axes.static is None else Table(axes.static.take(entity).reset_index(drop=True))
        block = Series(
            values=axes.values, start=axes.offset[entity], origin=place, horizon=self.horizon, known=axes.known,
            names=axes.known_names, step=axes.seconds, static=static, period=axes.calendar.periods,
        )  # fmt: skip
        truth = axes.windows(entity, origin, self.horizon)
        end = axes.calendar.moments(origin + self.horizon, axes.phase[entity])
        known = bool(np.isfinite(truth).any())
        unit = getattr(dataset.schema.target, "unit", "")
        return Examples(
            frame, {"series": block}, truth if known else None, end if known else None, (unit,) if unit else ()
        )


@dataclass(frozen=True)
class Axes:
    """All entities' regular axes one after another; entity e owns ``offset[e]`` … and starts at step ``first[e]``."""

    calendar: Calendar
    names: list[str]
    offset: np.ndarray
    first: np.ndarray
    last: np.ndarray
    """Number of the last step with a known target; ``first - 1`` where there is none."""
    phase: np.ndarray
    values: np.ndarray
    known: np.ndarray
    known_names: tuple[str, ...]
    planned: np.ndarray
    """(T,) a row of the table stands here."""
    ahead: tuple[str, ...]
    seconds: np.ndarray | None
    static: pd.DataFrame | None
    carried: dict[str, np.ndarray]

    @classmethod
    def build(cls, main: pd.DataFrame, schema: Schema, builder: SeriesExamples) -> Axes:
        """Lay the rows of ``main`` on regular axes."""
        assert schema.entity is not None
        assert schema.time is not None
        assert schema.target is not None
        codes, names = pd.factorize(main[schema.entity.name].astype(str))
        calendar = calendar_of(main[schema.time.name], codes, schema.time.step, list(names))
        number, phase_of = calendar.numbers(main[schema.time.name])
        phase = _one_phase(calendar, codes, names, phase_of, main[schema.time.name])
        _no_twins(codes, number, names, main[schema.time.name])
        value = _target(main, schema, builder.censored)
        first, top = _span(codes, number, len(names))
        answered = _answered(main, schema)
        last = first - 1
        np.maximum.at(last, codes[answered], number[answered])
        length = np.maximum(top, last + builder.horizon) - first + 1
        offset = np.cumsum(length) - length
        place = offset[codes] + number - first[codes]
        values, planned = np.full(int(length.sum()), np.nan), np.zeros(int(length.sum()), dtype=bool)
        values[place], planned[place] = value, True
        step_of = np.arange(len(values)) - np.repeat(offset - first, length)
        moments = calendar.moments(step_of, np.repeat(phase, length))
        waves, wave_values = known_calendar(calendar, moments)
        columns, column_values = _known(main, schema, place, len(values))
        seconds = None if calendar.unit == "steps" else moments.astype("datetime64[s]").astype(float)
        return cls(
            calendar, [str(n) for n in names], offset, first, last, phase, values,
            np.concatenate([column_values, wave_values], axis=1), columns + waves, planned,
            tuple(one.name for one in schema.fields if one.known_ahead and one.name in main), seconds,
            _static(main, schema, codes, len(names)), _carried(main, builder.carry, place, len(values)),
        )  # fmt: skip

    def length(self) -> np.ndarray:
        """Steps from the first to the last known target, by entity."""
        return self.last - self.first + 1

    def windows(self, entity: np.ndarray, origin: np.ndarray, horizon: int) -> np.ndarray:
        """(N, H) values from each origin on; NaN past the end."""
        place = (self.offset[entity] + origin - self.first[entity])[:, None] + np.arange(horizon)
        beyond = origin[:, None] + np.arange(horizon) > self.last[entity][:, None]
        return np.where(beyond, np.nan, self.values[np.minimum(place, len(self.values) - 1)])

    def naive_error(self, place: np.ndarray, start: np.ndarray) -> np.ndarray:
        """(N,) mean |y(t) - y(t - m)| before each origin (Hyndman and Koehler 2006); NaN without a pair."""
        m = self.calendar.naive
        change = np.full(len(self.values), np.nan)
        change[m:] = np.abs(self.values[m:] - self.values[:-m]) if m < len(self.values) else np.nan
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(change))])
        count = np.concatenate([[0], np.cumsum(np.isfinite(change))])
        begin = np.minimum(start + m, place)
        n = count[place] - count[begin]
        return np.where(n > 0, (total[place] - total[begin]) / np.maximum(n, 1), np.nan)

    def gaps(self) -> dict[str, list[str]]:
        """Moments between an entity's first and last known target at which no row stands."""
        found = {}
        for e, name in enumerate(self.names):
            here = self.planned[self.offset[e] : self.offset[e] + max(0, self.last[e] - self.first[e] + 1)]
            absent = np.flatnonzero(~here) + self.first[e]
            if len(absent):
                moments = self.calendar.moments(absent, np.full(len(absent), self.phase[e]))
                found[name] = [str(m)[:16] for m in moments]
        return found


def report_gaps(dataset: Dataset, builder: SeriesExamples, most: int = 5) -> list[str]:
    """One sentence a series with missing steps: how many, from when to when."""
    gaps = Axes.build(dataset.main, dataset.schema, builder).gaps()
    lines = [f"series {n}: {len(m)} missing steps ({m[0]} to {m[-1]})" for n, m in list(gaps.items())[:most]]
    return [*lines, f"and {len(gaps) - most} further series with missing steps"] if len(gaps) > most else lines


def _joined(dataset: Dataset, past: Dataset | None) -> pd.DataFrame:
    """Past and present rows; a row given again replaces the remembered one."""
    schema = dataset.schema
    assert schema.entity is not None
    assert schema.time is not None
    if past is None or not len(past.main):
        return dataset.main
    keys = [schema.entity.name, schema.time.name]
    new, old = dataset.main, past.main
    again = pd.MultiIndex.from_frame(old[keys].astype({keys[0]: str})).isin(
        pd.MultiIndex.from_frame(new[keys].astype({keys[0]: str}))
    )
    told = [one.dropna(axis=1, how="all") for one in (old[~again], new)]  # an empty column must not decide the type
    columns = dict.fromkeys([*old.columns, *new.columns])
    return pd.concat(told, ignore_index=True).reindex(columns=list(columns))


def _target(main: pd.DataFrame, schema: Schema, censored: str) -> np.ndarray:
    assert schema.target is not None
    if schema.target.name not in main:
        return np.full(len(main), np.nan)
    value = main[schema.target.name].to_numpy(dtype=np.float64, na_value=np.nan).copy()
    if censored and censored in main:
        flag = main[censored].astype(str).str.lower().isin(["1", "1.0", "true", "yes", "t", "y"]).to_numpy()
        value[flag] = np.nan
    return value


def _answered(main: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Rows that say what happened (a sold-out step is an answer too)."""
    assert schema.target is not None
    name = schema.target.name
    return main[name].notna().to_numpy() if name in main else np.zeros(len(main), dtype=bool)


def _span(codes: np.ndarray, number: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    first, top = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, codes, number)
    np.maximum.at(top, codes, number)
    return first, top


def _one_phase(
    calendar: Calendar, codes: np.ndarray, names: pd.Index, phase_of: np.ndarray, time: pd.Series
) -> np.ndarray:
    """Each entity's phase inside the step (its weekday, its minute).

    Raises:
        DataError: one entity has two phases; names it and its first odd moment.
    """
    phase = np.zeros(len(names), dtype=np.int64)
    phase[codes[::-1]] = phase_of[::-1]
    odd = np.flatnonzero(phase[codes] != phase_of)
    if len(odd):
        row = int(odd[0])
        first = time.iloc[int(np.flatnonzero(codes == codes[row])[0])]
        raise DataError(
            f"Series {names[codes[row]]!r} is off its own step: {first} and {time.iloc[row]} "
            f"({len(odd)} such rows), with a step of {calendar.size:,} {calendar.unit}.",
            expected="One anchor a series (always the same weekday, the same minute, the same day of the month).",
            todo="Move the odd rows to the series' own anchor, or sum to a coarser step.",
        )
    return phase


def _no_twins(codes: np.ndarray, number: np.ndarray, names: pd.Index, time: pd.Series) -> None:
    twin = pd.MultiIndex.from_arrays([codes, number]).duplicated()
    if twin.any():
        row = int(np.flatnonzero(twin)[0])
        raise DataError(
            f"{int(twin.sum())} rows repeat a series and a step, first {names[codes[row]]!r} at {time.iloc[row]}.",
            expected="One row a series and step.",
            todo="Sum the rows of a step, or name all columns that make a series (store and item).",
        )


def _known(main: pd.DataFrame, schema: Schema, place: np.ndarray, size: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Columns known ahead: numbers as they are, categories as 0 and 1 by level in order of appearance in time."""
    names: list[str] = []
    columns: list[np.ndarray] = []
    for one in schema.fields:
        if not one.known_ahead or one.name not in main:
            continue
        for name, value in _columns_of(one, main, schema):
            column = np.full(size, np.nan)
            column[place] = value
            names.append(name)
            columns.append(column)
    return tuple(names), np.stack(columns, axis=1) if columns else np.empty((size, 0))


def _columns_of(one: Field, main: pd.DataFrame, schema: Schema) -> list[tuple[str, np.ndarray]]:
    assert schema.time is not None
    if isinstance(one, Number):
        return [(one.name, main[one.name].to_numpy(dtype=np.float64, na_value=np.nan))]
    text = main[one.name].astype("string").fillna("")
    order = np.argsort(main[schema.time.name].to_numpy(), kind="stable")
    levels = [level for level in pd.unique(text.iloc[order]) if level != ""][:LEVELS_OF_A_CATEGORY]
    return [(f"{one.name}={level}", (text == level).to_numpy(dtype=np.float64)) for level in levels]


def _static(main: pd.DataFrame, schema: Schema, codes: np.ndarray, n: int) -> pd.DataFrame | None:
    """Categories that describe an entity: those of its first row."""
    names = [f.name for f in schema.fields if isinstance(f, Category) and not f.known_ahead and f.name in main]
    if not names:
        return None
    row = np.zeros(n, dtype=np.int64)
    row[codes[::-1]] = np.arange(len(codes))[::-1]
    return main[names].iloc[row].astype("string").fillna("").astype("category").reset_index(drop=True)


def _carried(main: pd.DataFrame, carry: tuple[str, ...], place: np.ndarray, size: int) -> dict[str, np.ndarray]:
    found = {}
    for name in carry:
        if name in main:
            column = main[name]
            number = pd.api.types.is_numeric_dtype(column)
            out = np.full(size, np.nan) if number else np.full(size, "", dtype=object)
            out[place] = column.to_numpy(dtype=np.float64, na_value=np.nan) if number else column.astype(str)
            found[name] = out
    return found


def _check_plan(axes: Axes, entity: np.ndarray, origin: np.ndarray, horizon: int) -> None:
    """When some planned rows are given, every step of every horizon must have one.

    Raises:
        DataError: names the missing pairs.
    """
    if not axes.ahead or not len(entity):
        return
    missing, given = [], 0
    for e, o in zip(entity, origin, strict=True):
        begin = axes.offset[e] + o - axes.first[e]
        here = axes.planned[begin : begin + horizon]
        here = np.pad(here, (0, horizon - len(here)))
        given += int(here.sum())
        absent = o + np.flatnonzero(~here)
        moments = axes.calendar.moments(absent, np.full(len(absent), axes.phase[e]))
        missing += [f"{axes.names[e]} at {str(m)[:16]}" for m in moments]
    later = _planned_later(axes, entity)
    if missing and (given or later):
        elsewhere = f"; {later - given} planned beyond those steps" if later > given else ""
        raise DataError(
            f"Planned values ({', '.join(axes.ahead)}) are missing for {len(missing)} pairs: "
            f"{', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}{elsewhere}.",
            expected=f"One row for each of the {horizon} steps after each series' own last known value.",
            todo="Add these rows, or give no planned rows at all.",
        )


def _planned_later(axes: Axes, entity: np.ndarray) -> int:
    """Rows without a target after the last known value of their series."""
    count = 0
    for e in np.unique(entity):
        end = axes.offset[e + 1] if e + 1 < len(axes.offset) else len(axes.planned)
        count += int(axes.planned[axes.offset[e] + axes.last[e] - axes.first[e] + 1 : end].sum())
    return count
