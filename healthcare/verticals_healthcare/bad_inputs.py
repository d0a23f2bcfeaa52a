"""Documented bad inputs: what a wrong export looks like, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from verticals_plugins import BadInput, DataError

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1990-01-01"}
STU3 = {"resourceType": "Condition", "id": "c1", "clinicalStatus": "active", "verificationStatus": "confirmed",
        "subject": {"reference": "Patient/p1"}, "assertedDate": "2017-02-01"}  # fmt: skip
STAY = "Time,Parameter,Value\n00:00,RecordID,900001\n00:00,Age,60\n"


def _text(name: str, content: str) -> Callable[[Path], Path]:
    """A maker of one text file."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(content, encoding="utf-8")
        return path

    return make


def _folder(**files: str) -> Callable[[Path], Path]:
    """A maker of a folder of text files; ``__`` in a name stands for its point."""

    def make(folder: Path) -> Path:
        inside = folder / "data"
        inside.mkdir()
        for name, content in files.items():
            (inside / name.replace("__", ".")).write_text(content, encoding="utf-8")
        return inside

    return make


def _lines(*resources: object) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in resources)


def _no_picture(folder: Path) -> Path:
    path = folder / "picture.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(40))
    return path


def _objects(folder: Path) -> Path:
    import numpy as np

    path = folder / "objects.npz"
    np.savez(path, train_images=np.array([{"a": 1}], dtype=object), train_labels=np.zeros((1, 1)))
    return path


BAD_INPUTS: tuple[BadInput, ...] = (
    BadInput(name="a table without an outcome", make=_text("cases.csv", "patient,age\np1,60\np2,70\n"),
             match="outcome", error=DataError),
    BadInput(name="an empty table", make=_text("cases.csv", ""), match="empty", error=DataError),
    BadInput(name="a table of measurements in place of cases", match="repeat with different content", error=DataError,
             make=_text("cases.csv", "hadm_id,itemid,outcome\n1,50809,0\n1,50803,0\n")),
    BadInput(name="a timeline without an index time", match="no index time", error=DataError,
             make=_folder(cases__csv="case,patient,outcome\n1,a,0\n2,b,1\n",
                          timeline__csv="patient,time,variable,value\na,2024-03-01T08:00,glucose,5.5\n")),
    BadInput(name="a picture that is not there", match="is not in", error=DataError,
             make=_folder(cases__csv="case,outcome,image\n1,0,a.png\n2,1,b.png\n")),
    BadInput(name="FHIR STU3", make=_text("old.ndjson", _lines(PATIENT, STU3)), match="STU3", error=DataError),
    BadInput(name="a broken line of NDJSON", make=_text("bulk.ndjson", _lines(PATIENT, '{"resourceType":"Patient",')),
             match="line 2", error=DataError),
    BadInput(name="FHIR without an outcome", make=_text("bulk.ndjson", _lines(PATIENT)), match="no outcome",
             error=DataError),
    BadInput(name="a stay cut off in a line", make=_text("900001.txt", STAY + "01:0"), match="line 4",
             error=DataError),
    BadInput(name="a stay without outcomes", make=_text("900001.txt", STAY), match="no outcomes", error=DataError),
    BadInput(name="DICOM without a picture", make=_no_picture, match=r"pixel data|damaged", error=DataError),
    BadInput(name="an npz of Python objects", make=_objects, match="pickle", error=DataError),
)  # fmt: skip
