"""Equality bit for bit, and what of a block an example can see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins.examples import Block, Events, Examples, Images, Objects, Series, Table, Texts


def difference(a: Any, b: Any, at: str = "") -> str:
    """The place of the first difference; "" if there is none. NaN equals NaN; floats must be equal bit for bit."""
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        if list(a.columns) != list(b.columns):
            return f"{at} columns {list(a.columns)} and {list(b.columns)}"
        return _first(difference(a[name], b[name], f"{at}[{name!r}]") for name in a.columns)
    if isinstance(a, pd.Series | pd.Index) and isinstance(b, pd.Series | pd.Index):
        return difference(np.asarray(a), np.asarray(b), at)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _of_arrays(a, b, at)
    if dataclasses.is_dataclass(a) and type(a) is type(b):
        names = [one.name for one in dataclasses.fields(a) if one.compare]
        return _first(difference(getattr(a, name), getattr(b, name), f"{at}.{name}") for name in names)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            return f"{at} keys {sorted(map(str, a))} and {sorted(map(str, b))}"
        return _first(difference(a[key], b[key], f"{at}[{key!r}]") for key in a)
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        if len(a) != len(b):
            return f"{at} {len(a)} and {len(b)} items"
        return _first(difference(x, y, f"{at}[{place}]") for place, (x, y) in enumerate(zip(a, b, strict=True)))
    return "" if _equal(a, b) else f"{at}: {a!r} and {b!r}"


def _first(found: Iterable[str]) -> str:
    return next((one for one in found if one), "")


def _of_arrays(a: np.ndarray, b: np.ndarray, at: str) -> str:
    if a.shape != b.shape:
        return f"{at} shapes {a.shape} and {b.shape}"
    if a.dtype.kind == "O" or b.dtype.kind == "O":
        return difference(list(a.ravel()), list(b.ravel()), at)
    unequal = a != b
    if a.dtype.kind in "fcmM" and b.dtype.kind == a.dtype.kind:
        unequal &= ~((a != a) & (b != b))
    if not unequal.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(unequal)[0])
    return f"{at}{list(place)}: {a[place]!r} and {b[place]!r}"


def _equal(a: Any, b: Any) -> bool:
    if a is b or (pd.api.types.is_scalar(a) and pd.api.types.is_scalar(b) and pd.isna(a) and pd.isna(b)):
        return True
    if type(a) is type(b) and "__eq__" not in dir_of(a) and hasattr(a, "__dict__"):
        return not difference(vars(a), vars(b))
    return bool(a == b)


def dir_of(value: Any) -> set[str]:
    """Names that the classes of ``value`` define, those of ``object`` left out."""
    return {name for one in type(value).__mro__[:-1] for name in vars(one)}


def seen(examples: Examples, row: int) -> dict[str, Any]:
    """All that example ``row`` can see, by block; what lies outside an example's range or time is left out."""
    return {name: seen_of(block, row) for name, block in examples.inputs.items()}


def seen_of(block: Block, row: int) -> Any:
    """What one example can see of a block. A block of a plugin's own kind may offer ``seen(row)``."""
    match block:
        case Table():
            return dict(block.frame.iloc[row])
        case Events():
            return _of_events(block, row)
        case Images():
            return None if block.index[row] < 0 else block.pixels[block.index[row]]
        case Series():
            return _of_series(block, row)
        case Texts() | Objects():
            return block.values[row]
        case _:
            own = getattr(block, "seen", None)
            return block.take(np.array([row])) if own is None else own(row)


def _of_events(block: Events, row: int) -> dict[str, Any]:
    part, now = slice(int(block.start[row]), int(block.stop[row])), block.now[row]
    found: dict[str, Any] = {"now": now, "time": block.time[part]}
    for name in block.frame.columns:
        column = np.asarray(block.frame[name].iloc[part]).astype(object)
        if name in block.revealed:
            column[block.revealed[name][part] > now] = None
        found[f"event {name}"] = column
    return found


def _of_series(block: Series, row: int) -> dict[str, Any]:
    """Values up to the origin, known columns up to the horizon; a column that is all 0 or missing says nothing."""
    start, origin = int(block.start[row]), int(block.origin[row])
    ahead = block.known[start : origin + block.horizon]
    said = {name: ahead[:, place] for place, name in enumerate(block.names) if np.nan_to_num(ahead[:, place]).any()}
    found: dict[str, Any] = {"values": block.values[start:origin], "known": said}
    if block.step is not None:
        found["step"] = block.step[start : origin + block.horizon]
    if block.static is not None:
        found["static"] = seen_of(block.static, row)
    return found
