"""Simulated data: a ward with case rows, timelines and chest pictures; and a public table of breast biopsies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.timeline import timeline_frame
from verticals_plugins import Dataset, Provenance

ADMITTED = np.datetime64("2025-01-01T00:00", "ns")
HOURS = 24
SIDE = 28
VITALS = (
    ("heart rate", 82.0, 9.0, 7.0, 2.0),
    ("respiratory rate", 17.0, 2.0, 2.2, 1.0),
    ("oxygen saturation", 96.5, 1.2, -1.6, 2.0),
    ("systolic pressure", 126.0, 12.0, -5.0, 2.0),
    ("temperature", 37.1, 0.4, 0.45, 4.0),
    ("lactate", 1.3, 0.4, 0.5, 8.0),
)
"""Name, usual level, spread, effect of one unit of severity, hours between two measurements."""


def simulate_ward(seed: int, patients: int = 1200) -> Dataset:
    """A ward of ``patients``: will a patient, as known a day after admission, deteriorate within the next two days?

    Severity drifts over the day and moves the vital signs; an opacity of the lung raises the risk by itself and shows
    only in the picture. One in eight has no timeline, one in three no picture. Rows after the index time are there to
    be ignored. All of it is invented.
    """
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(66, 15, patients), 18, 99).round()
    frail = rng.poisson(np.clip((age - 40) / 25, 0.1, None))
    start, drift = rng.normal(0, 1, patients), rng.normal(0, 1, patients)
    opacity = np.where(rng.random(patients) < 0.35, rng.uniform(0.3, 1.0, patients), 0.0)
    site = rng.integers(0, 3, patients)
    score = -2.6 + 0.03 * (age - 66) + 0.3 * frail + 0.8 * start + 1.6 * drift + 4.0 * opacity
    outcome = rng.random(patients) < 1 / (1 + np.exp(-score))
    index = ADMITTED + (np.arange(patients) * 5 * 3600).astype("timedelta64[s]") + np.timedelta64(HOURS, "h")
    names = [f"patient-{number:04d}" for number in range(patients)]
    pictured = np.flatnonzero(rng.random(patients) < 2 / 3)
    image = np.full(patients, -1, dtype=np.int64)
    image[pictured] = np.arange(len(pictured))
    main = pd.DataFrame(
        {
            "case": [f"case-{number:04d}" for number in range(patients)], "patient": names, "time": index,
            "outcome": pd.Categorical(np.where(outcome, "deteriorated", "stable")), "age": age,
            "sex": pd.Categorical(np.where(rng.random(patients) < 0.5, "female", "male")),
            "site": pd.Categorical(np.array(["north", "south", "west"])[site]), "conditions": frail.astype(float),
            "albumin": np.where(rng.random(patients) < 0.2, np.nan, 38 - 1.2 * frail + rng.normal(0, 3, patients)),
            "image": image, "image_time": index - np.timedelta64(6, "h"),
        }
    )  # fmt: skip
    watched = np.flatnonzero(rng.random(patients) < 7 / 8)
    timeline = _timeline(rng, names, index, start, drift, watched)
    images = _pictures(rng, opacity[pictured])
    provenance = Provenance("simulated", notes={"simulator": f"ward, seed {seed}, {patients} patients"})
    return Dataset({"main": main, "timeline": timeline}, SCHEMA, provenance, {"images": images})


def _timeline(
    rng: np.random.Generator, names: list[str], index: np.ndarray, start: np.ndarray, drift: np.ndarray,
    watched: np.ndarray,
) -> pd.DataFrame:  # fmt: skip
    """Vital signs and lactate of the day before the index time, and of two hours after it."""
    who, when, what, value = [], [], [], []
    for variable, usual, spread, effect, every in VITALS:
        own = rng.normal(usual, spread, len(names))
        hours = np.arange(-HOURS, 2, every)
        hit = rng.random((len(watched), len(hours))) < 0.8
        row, place = np.nonzero(hit)
        patient = watched[row]
        at = hours[place] + rng.uniform(0, 0.5 * every, len(row))
        severity = start[patient] + drift[patient] * (1 + at / HOURS)
        who.append(patient)
        when.append(index[patient] + (at * 3600).astype("timedelta64[s]"))
        what.append(np.full(len(row), variable))
        value.append((own[patient] + effect * severity + rng.normal(0, spread / 2, len(row))).round(2))
    patient = np.concatenate(who)
    return timeline_frame(
        [names[i] for i in patient], list(np.concatenate(when)), list(np.concatenate(what)), list(np.concatenate(value))
    )


def _pictures(rng: np.random.Generator, opacity: np.ndarray) -> np.ndarray:
    """(M, 28, 28, 1) uint8: two dark lungs with ribs in a bright chest; an opacity is a soft bright patch in a lung."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    out = np.empty((len(opacity), SIDE, SIDE, 1), dtype=np.uint8)
    for number, strength in enumerate(opacity):
        shift, wide = rng.normal(0, 0.03, 2), rng.uniform(0.14, 0.18)
        lungs = np.zeros((SIDE, SIDE))
        for side in (0.3, 0.7):
            lungs += np.exp(-((((x - side - shift[0]) / wide) ** 2 + ((y - 0.5 - shift[1]) / 0.33) ** 2) ** 2))
        ribs = 0.05 * np.sin(2 * np.pi * (y * rng.uniform(6, 8) + rng.random())) * lungs
        side, high = rng.choice([0.3, 0.7]) + rng.normal(0, 0.03), rng.uniform(0.35, 0.7)
        patch = strength * 0.45 * np.exp(-(((x - side) ** 2 + (y - high) ** 2) / rng.uniform(0.01, 0.02)))
        level = rng.uniform(0.6, 0.8) - 0.45 * lungs + ribs + patch * lungs + rng.normal(0, 0.04, (SIDE, SIDE))
        out[number, :, :, 0] = np.clip(level * 255, 0, 255)
    return out


def breast_biopsies() -> Dataset:
    """scikit-learn's copy of the Wisconsin breast cancer table: 569 biopsies, 30 numbers, malignant or benign."""
    from sklearn.datasets import load_breast_cancer

    found: Any = load_breast_cancer(as_frame=True)
    main = found.data.astype(np.float64)
    number = np.arange(len(main))
    main.insert(0, "case", [f"biopsy-{i}" for i in number])
    main.insert(1, "patient", main["case"])
    main.insert(2, "time", ADMITTED + number.astype("timedelta64[s]"))
    main["outcome"] = pd.Categorical(np.where(found.target == 0, "malignant", "benign"))
    return Dataset({"main": main}, SCHEMA, Provenance("scikit-learn", notes={"source": "breast cancer wisconsin"}))
