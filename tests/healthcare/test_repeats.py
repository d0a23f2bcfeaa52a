"""What stands in files more than once: versions of resources, codes without a time; and dark pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from verticals_healthcare.adapters.fhir.read import read
from verticals_healthcare.adapters.meds import MEDS
from verticals_healthcare.adapters.pictures import as_bytes, read_plain
from verticals_healthcare.schema import SCHEMA
from verticals_plugins import Dataset, ReadOptions

OPTIONS = ReadOptions(schema=SCHEMA, need_target=False)


def measured(value: float, updated: str = "", *, subject: str = "p1", name: str = "o1") -> dict[str, object]:
    found: dict[str, object] = {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": f"Patient/{subject}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2024-01-01T08:00:00Z", "valueQuantity": {"value": value, "code": "/min"},
    }  # fmt: skip
    return found | ({"meta": {"lastUpdated": updated}} if updated else {})


def load(folder: Path, *resources: dict[str, object]) -> Dataset:
    (folder / "x.ndjson").write_text("\n".join(json.dumps(one) for one in resources))
    return read(folder / "x.ndjson", OPTIONS)


@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_version_of_a_result_counts_once(turned: bool, tmp_path: Path) -> None:
    both = [measured(70, "2024-01-01T09:00:00Z"), measured(60, "2024-01-02T09:00:00+02:00")]
    found = load(tmp_path, *(reversed(both) if turned else both))
    assert found.tables["timeline"]["value"].tolist() == [60.0]
    assert found.provenance.ledger.dropped == {"an older version, or a copy, of a resource": 1}


def test_one_id_of_two_patients_is_two_results(tmp_path: Path) -> None:
    found = load(tmp_path, measured(70), measured(60, subject="p2"), measured(50, name="o2"), measured(50, name="o2"))
    assert sorted(found.tables["timeline"]["value"]) == [50.0, 60.0, 70.0]


def test_several_codes_without_a_time_are_all_kept(tmp_path: Path) -> None:
    rows = [(1, None, "ICD//E11", None), (1, None, "ICD//I10", None), (2, None, "ICD//I10", None),
            (1, None, "HEIGHT", 170.0), (1, None, "HEIGHT", 171.0), (1, None, "GENDER//F", None),
            (1, "2020-01-01", "VISIT", None), (2, "2020-01-01", "VISIT", None)]  # fmt: skip
    (tmp_path / "data").mkdir()
    frame = pd.DataFrame(rows, columns=["subject_id", "time", "code", "numeric_value"])
    frame["time"] = pd.to_datetime(frame["time"]).astype("datetime64[us]")
    frame.to_parquet(tmp_path / "data" / "0.parquet", index=False)
    found = MEDS.read(tmp_path, OPTIONS)
    main = found.main.set_index("patient")
    assert main["static icd//e11"].notna().to_dict() == {"1": True, "2": False}
    assert main["static icd//i10"].notna().to_dict() == {"1": True, "2": True}
    assert (main["height"]["1"], main["sex"]["1"]) == (170.0, "F")
    assert sum(found.provenance.ledger.dropped.values()) == 1


def test_a_dark_picture_of_eight_bits_stays_dark(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.tile(np.array([[0, 90]], dtype=np.uint8), (4, 2))).save(tmp_path / "x.png")
    assert as_bytes(read_plain(tmp_path / "x.png"), 4, 1).max() == 90
    image.fromarray(np.array([[0, 4095], [0, 0]], dtype=np.uint16)).save(tmp_path / "y.png")
    assert as_bytes(read_plain(tmp_path / "y.png"), 2, 1).max() == 255
