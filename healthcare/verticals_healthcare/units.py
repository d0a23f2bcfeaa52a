"""Units of measurement: one unit for each variable of a timeline; nothing is guessed, nothing is lost without a count.

Factors are those of UCUM (ucum.org). Amount of substance and mass are joined by an analyte's molar mass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from verticals_plugins import Ledger, UsageError

SPELLINGS = {
    "mg/100ml": "mg/dl", "mg%": "mg/dl", "g%": "g/dl", "°c": "cel", "c": "cel", "degc": "cel", "deg c": "cel",
    "celsius": "cel", "°f": "[degf]", "f": "[degf]", "degf": "[degf]", "deg f": "[degf]", "fahrenheit": "[degf]",
    "bpm": "/min", "beats/min": "/min", "breaths/min": "/min", "beats/minute": "/min", "1/min": "/min",
    "insp/min": "/min", "mmhg": "mm[hg]", "mm hg": "mm[hg]", "cmh2o": "cm[h2o]", "cm h2o": "cm[h2o]",
    "lb": "[lb_av]", "lbs": "[lb_av]", "pounds": "[lb_av]", "oz": "[oz_av]", "in": "[in_i]", "inch": "[in_i]",
    "inches": "[in_i]", "ft": "[ft_i]", "kgs": "kg", "cc": "ml", "percent": "%", "mval/l": "meq/l", "iu/l": "u/l",
    "[iu]/l": "u/l", "kg/m^2": "kg/m2", "kg/m²": "kg/m2", "k/ul": "10*9/l", "m/ul": "10*12/l",
}  # fmt: skip
POWERS = re.compile(r"^x?10(?:\*|\^|\*\*|e)?(\d+)/(l|ul|mm3|mm\^3|mm³)$")
"""Counts of cells as they are written: 10*3/uL, x10^9/L, 10E9/L."""
SCALES: Mapping[str, tuple[str, float, float]] = {
    **{f"{p}g/{v}": ("mass/volume", a / b, 0.0)
       for p, a in (("", 1.0), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9), ("p", 1e-12), ("k", 1e3))
       for v, b in (("l", 1.0), ("dl", 0.1), ("ml", 1e-3), ("ul", 1e-6))},
    **{f"{p}mol/{v}": ("substance/volume", a / b, 0.0)
       for p, a in (("", 1.0), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9), ("p", 1e-12))
       for v, b in (("l", 1.0), ("dl", 0.1), ("ml", 1e-3))},
    "eq/l": ("charge/volume", 1.0, 0.0), "meq/l": ("charge/volume", 1e-3, 0.0),
    "kg": ("mass", 1.0, 0.0), "g": ("mass", 1e-3, 0.0), "mg": ("mass", 1e-6, 0.0), "[lb_av]": ("mass", 0.45359237, 0.0),
    "[oz_av]": ("mass", 0.028349523125, 0.0), "m": ("length", 1.0, 0.0), "cm": ("length", 0.01, 0.0),
    "mm": ("length", 1e-3, 0.0), "[in_i]": ("length", 0.0254, 0.0), "[ft_i]": ("length", 0.3048, 0.0),
    "cel": ("temperature", 1.0, 0.0), "[degf]": ("temperature", 5 / 9, -160 / 9), "k": ("temperature", 1.0, -273.15),
    "mm[hg]": ("pressure", 1.0, 0.0), "kpa": ("pressure", 7.500617, 0.0), "cm[h2o]": ("pressure", 0.735559, 0.0),
    "l/s": ("flow", 1.0, 0.0), "cl/s": ("flow", 0.01, 0.0), "ml/s": ("flow", 1e-3, 0.0), "l/min": ("flow", 1 / 60, 0.0),
    "ml/min": ("flow", 1e-3 / 60, 0.0), "l": ("volume", 1.0, 0.0), "dl": ("volume", 0.1, 0.0),
    "ml": ("volume", 1e-3, 0.0),
    "/min": ("rate", 1.0, 0.0), "hz": ("rate", 60.0, 0.0), "/s": ("rate", 60.0, 0.0), "%": ("share", 0.01, 0.0),
    "1": ("share", 1.0, 0.0), "10*9/l": ("cells", 1.0, 0.0), "10*12/l": ("cells", 1e3, 0.0),
    "10*6/l": ("cells", 1e-3, 0.0), "/ul": ("cells", 1e-3, 0.0), "/mm3": ("cells", 1e-3, 0.0),
    "s": ("time", 1.0, 0.0), "ms": ("time", 1e-3, 0.0), "min": ("time", 60.0, 0.0), "h": ("time", 3600.0, 0.0),
}  # fmt: skip
"""Unit -> (dimension, factor, offset): value in the dimension's base = factor * value + offset."""
MOLAR: Mapping[str, float] = {
    "glucose": 180.16, "creatinine": 113.12, "urea nitrogen": 28.014, "bun": 28.014, "urea": 60.06, "bilirubin": 584.66,
    "cholesterol": 386.65, "hdl": 386.65, "ldl": 386.65, "triglyceride": 885.4, "calcium": 40.08, "magnesium": 24.305,
    "phosphate": 30.974, "phosphorus": 30.974, "lactate": 89.07, "uric acid": 168.11, "urate": 168.11,
    "cortisol": 362.46, "iron": 55.845, "albumin": 66_500.0, "sodium": 22.99, "potassium": 39.098, "chloride": 35.45,
}  # fmt: skip
"""g/mol by a word in the analyte's name. Urea nitrogen counts the two nitrogens, phosphate the phosphorus alone."""
VALENCE: Mapping[str, float] = {
    "sodium": 1,
    "potassium": 1,
    "chloride": 1,
    "bicarbonate": 1,
    "lithium": 1,
    "calcium": 2,
    "magnesium": 2,
}
"""Charges of an ion, which join mEq/L and mmol/L."""
LOINC = {"2345-7": "glucose", "15074-8": "glucose", "2339-0": "glucose", "14749-6": "glucose", "2160-0": "creatinine",
         "14682-9": "creatinine", "1975-2": "bilirubin", "14631-6": "bilirubin", "2093-3": "cholesterol",
         "14647-2": "cholesterol", "17861-6": "calcium", "2000-8": "calcium", "2571-8": "triglyceride",
         "14927-8": "triglyceride", "2524-7": "lactate", "32693-4": "lactate", "3094-0": "urea nitrogen",
         "22664-7": "urea", "2777-1": "phosphate", "14879-1": "phosphate", "2951-2": "sodium", "2823-3": "potassium",
         "2075-0": "chloride", "1963-8": "bicarbonate"}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """A unit known to :data:`SCALES`."""

    dimension: str
    factor: float
    offset: float


def plain(unit: str) -> str:
    """A unit's spelling without case, blanks and {annotations}, as :data:`SCALES` has it."""
    low = re.sub(r"\{[^}]*\}", "", unit.casefold()).strip()
    text = re.sub(r"^(?:μ|mc)(?=g|mol|l)|(?<=/)(?:μ|mc)(?=l)", "u", low)
    text = re.sub(r"^(n|u|m|k|)gms?(?=/|$)", r"\1g", text)
    if found := POWERS.match(text):
        return f"10*{int(found[1]) + (0 if found[2] == 'l' else 6)}/l"
    return SPELLINGS.get(text, text) or unit.strip().casefold()


def scale_of(unit: str) -> Scale | None:
    """The unit's dimension and factor; None if it is not known."""
    found = SCALES.get(plain(unit))
    return None if found is None else Scale(*found)


def analyte(variable: str, known: Mapping[str, float]) -> str:
    """The analyte of ``known`` that a variable's name or LOINC code means, "" if there is none."""
    code = re.search(r"\b(\d{1,5}-\d)\b", variable)
    named = LOINC.get(code[1], "") if code else ""
    low = named or variable.casefold()
    return next((name for name in known if re.search(rf"\b{re.escape(name)}", low)), "")


def converted(values: np.ndarray, variable: str, unit: str, wanted: str) -> np.ndarray | None:
    """(N,) values of ``unit`` in ``wanted``, or None where the two do not measure the same."""
    if plain(unit) == plain(wanted):
        return values
    a, b = scale_of(unit), scale_of(wanted)
    if a is None or b is None:
        return None
    base = a.factor * values + a.offset
    if a.dimension != b.dimension:
        own, other = (per_mole(variable, one.dimension) for one in (a, b))
        if own is None or other is None:
            return None
        base = base / own * other
    return np.asarray((base - b.offset) / b.factor)


def per_mole(variable: str, dimension: str) -> float | None:
    """How much of a concentration's base one mole of the analyte is; None if that is not known."""
    if dimension == "substance/volume":
        return 1.0
    known = {"mass/volume": MOLAR, "charge/volume": VALENCE}.get(dimension)
    return None if known is None else known.get(analyte(variable, known))


def defaults_of(option: str) -> dict[str, str]:
    """``glucose=mg/dL,weight=kg`` as a mapping.

    Raises:
        UsageError: a part has no "=".
    """
    pairs = [one for one in option.split(",") if one.strip()]
    if any("=" not in one for one in pairs):
        raise UsageError(f"Option units={option!r} is not understood.", expected="For example glucose=mg/dL,weight=kg.")
    return {name.strip(): unit.strip() for name, _, unit in (one.partition("=") for one in pairs)}


def unified(timeline: pd.DataFrame, ledger: Ledger, defaults: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The timeline with each variable in one unit: the one that most of its rows can be brought to.

    Rows without a unit, where others of the variable have one, become a variable of their own, ``NAME [unit unknown]``,
    unless ``defaults`` states the unit. Rows that cannot be converted are dropped and counted.
    """
    if "unit" not in timeline:
        return timeline
    text = timeline["unit"].map(lambda one: "" if one is None or one != one else str(one).strip()).astype(object)
    variable = timeline["variable"].astype(str).to_numpy(dtype=object)
    value = timeline["value"].to_numpy(dtype=np.float64).copy()
    unit = text.to_numpy(dtype=object)
    for name, stated in (defaults or {}).items():
        hit = (variable == name) & (unit == "") & ~np.isnan(value)
        ledger.warn(f"{int(hit.sum())} values of {name} had no unit: taken as {stated}, as stated")
        unit[hit] = stated
    keep = np.ones(len(timeline), dtype=bool)
    for key, rows in timeline.groupby(pd.Series(variable), sort=True).indices.items():
        name = str(key)
        measured = np.asarray(rows)[~np.isnan(value[rows])]
        if len(measured):
            _one_variable(str(name), measured, variable, value, unit, keep, ledger)
    out = timeline.assign(variable=variable, value=value, unit=[plain(one) for one in unit])
    return out.loc[keep].reset_index(drop=True)


CANONICAL = {
    "mass/volume": "mg/dl", "substance/volume": "mmol/l", "charge/volume": "meq/l", "mass": "kg", "length": "cm",
    "temperature": "cel", "pressure": "mm[hg]", "flow": "l/s", "volume": "ml", "rate": "/min", "share": "%",
    "cells": "10*9/l", "time": "s",
}  # fmt: skip


def canonical(timeline: pd.DataFrame) -> pd.DataFrame:
    """The timeline with every measured variable in its dimension's one unit, which becomes part of its name.

    So a model that learnt a weight in kg is never given pounds, and a variable in a unit that cannot be converted is
    another variable. Ions are in mmol/l, other analytes with a known molar mass in mg/dl.
    """
    if "unit" not in timeline or not len(timeline):
        return timeline
    variable = timeline["variable"].astype(str).to_numpy(dtype=object)
    value = timeline["value"].to_numpy(dtype=np.float64).copy()
    unit = timeline["unit"].map(lambda one: "" if one is None or one != one else plain(str(one)))
    pair = pd.MultiIndex.from_arrays([variable, unit])
    codes, names = pd.factorize(pair)
    for number, both in enumerate(names.to_list()):
        name, found = str(both[0]), str(both[1])
        if not found:
            continue
        rows = np.flatnonzero(codes == number)
        scale = scale_of(found)
        wanted = found if scale is None else _canonical_unit(name, scale.dimension)
        new = converted(value[rows], name, found, wanted)
        assert new is not None
        value[rows], variable[rows] = new, f"{name} ({wanted})"
    return timeline.assign(variable=variable, value=value)


def _canonical_unit(variable: str, dimension: str) -> str:
    if per_mole(variable, dimension) is not None and analyte(variable, VALENCE):
        return "mmol/l"
    return "mg/dl" if per_mole(variable, dimension) and analyte(variable, MOLAR) else CANONICAL[dimension]


def _one_variable(
    name: str, rows: np.ndarray, variable: np.ndarray, value: np.ndarray, unit: np.ndarray, keep: np.ndarray,
    ledger: Ledger,
) -> None:  # fmt: skip
    spelt = pd.Series([plain(one) for one in unit[rows]])
    counts = spelt[spelt != ""].value_counts()
    if not len(counts):
        return
    names = [str(one) for one in counts.index]

    def reached(wanted: str) -> int:
        """Rows that can be brought to ``wanted``."""
        return sum(int(counts[one]) for one in names if converted(np.zeros(1), name, one, wanted) is not None)

    wanted = min(names, key=lambda one: (-reached(one), -int(counts[one]), one))
    for found in sorted(set(spelt)):
        mine = rows[(spelt == found).to_numpy()]
        if found == "":
            variable[mine] = f"{name} [unit unknown]"
            ledger.warn(f"{len(mine)} values of {name} have no unit: kept apart as '{name} [unit unknown]'")
            continue
        new = converted(value[mine], name, found, wanted)
        if new is None:
            keep[mine] = False
            ledger.drop(f"{name} in {unit[mine[0]]!r} cannot be converted to {wanted}", len(mine))
            continue
        if found != wanted:
            ledger.warn(f"{len(mine)} values of {name} were converted from {unit[mine[0]]} to {wanted}")
        value[mine], unit[mine] = new, wanted
