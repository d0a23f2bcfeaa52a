"""DICOM pictures: a file, or a folder of them; the outcome is the name of the sub-folder, or stands in labels.csv."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from verticals_healthcare.adapters.cases import side_of
from verticals_healthcare.adapters.common import EPOCH, dataset, part_name, source_of, words
from verticals_healthcare.adapters.fhir.times import parse
from verticals_healthcare.adapters.pictures import Picture, as_bytes, is_dicom, read_dicom, tell_treatments
from verticals_plugins import Adapter, DataError, Dataset, Ledger, ReadOptions, Sniff

LIST = "labels.csv"
SPLITS = ("train", "training", "val", "valid", "validation", "test")
SEXES = {"F": "female", "M": "male", "O": "other"}
KEYS = ("file", "case", "image", "patient", "patient_id", "patientid")
"""Columns of labels.csv that name what has the outcome."""


def files_at(path: Path) -> list[Path]:
    """DICOM files, known by their content; a single file is taken by its name, too."""
    if path.is_file():
        return [path] if is_dicom(path) else []
    return sorted(one for one in path.rglob("*") if one.is_file() and one.name != "DICOMDIR" and is_dicom(one))


def sniff(path: Path) -> Sniff:
    """A DICOM file, or a folder that holds one among its first files."""
    try:
        if path.is_file():
            return Sniff(0.95, "DICOM") if is_dicom(path) else Sniff(0.0, "no DICOM")
        for _, one in zip(range(200), path.rglob("*"), strict=False):
            if one.is_file() and is_dicom(one):
                return Sniff(0.9 if only_labels(path / LIST) else 0.7, f"DICOM in {one.name}")
        return Sniff(0.0, "no DICOM file")
    except OSError as err:
        return Sniff(0.0, f"cannot be opened: {err}")


def only_labels(table: Path) -> bool:
    """Whether a list of outcomes has no column that would be an input: then the pictures are the cases."""
    if not table.is_file():
        return False
    with table.open("rb") as stream:
        first = stream.read(1024).decode("utf-8-sig", "replace").lower().partition("\n")[0]
    cells = {one.strip().strip('"') for one in re.split(r"[,;\t]", first)}
    return "outcome" in cells and len(cells) == 2


def read(path: Path, options: ReadOptions) -> Dataset:
    """One case a file, of several frames the middle one. In a folder, files that cannot be read are counted.

    Raises:
        DataError: the one file given cannot be read, no file can, modalities are mixed, or the outcome is missing.
    """
    ledger, side = Ledger(), side_of(options.options)
    rows: list[dict[str, object]] = []
    found: list[Picture] = []
    sources, seen = [], dict[str, int]()
    files = files_at(path)[: options.limit]
    for file in files:
        try:
            picture = read_dicom(file)
        except DataError as err:
            if len(files) == 1:
                raise
            ledger.drop(str(err.found).replace(file.name, "a file", 1), 1, [file.name])
            continue
        row = _row(file, path, picture, ledger)
        same = seen.setdefault(picture.header["SOPInstanceUID"] or str(row["case"]), len(rows))
        if same < len(rows) and np.array_equal(found[same].values, picture.values):
            _same_class(rows[same], row)
            ledger.drop("a copy of a file before (same SOPInstanceUID, same pixels)", 1, [file.name])
            continue
        rows.append(row)
        found.append(picture)
        sources.append(source_of(file, picture.frames))
    main = pd.DataFrame(rows)
    if not len(main):
        reasons = "; ".join(ledger.dropped)
        raise DataError(f"{path.name} holds no DICOM picture that can be read ({reasons or 'no DICOM file'}).")
    _one_modality(found, options.options.get("modality", ""), path)
    tell_treatments(zip(main["case"], found, strict=True), ledger)
    main = with_outcomes(main, path, options.need_target, ledger if options.limit is None else Ledger())
    main["sex"], main["image"] = words(main["sex"]), np.arange(len(main), dtype=np.int64)
    colours = 3 if any(one.values.ndim == 3 for one in found) else 1
    pixels = np.stack([as_bytes(one, side, colours) for one in found])
    return dataset(
        main, adapter="healthcare.dicom", sources=sources, ledger=ledger, arrays={"images": pixels}, name=path.name,
        notes={"polarity": "large = bright"},
    )  # fmt: skip


def _same_class(first: dict[str, object], copy: dict[str, object]) -> None:
    if first["folder"] != copy["folder"] or first.get("split") != copy.get("split"):
        raise DataError(
            f"{first['case']} and {copy['case']} are one picture (same SOPInstanceUID, same pixels).",
            expected="A picture in one class and one part.", todo="Take one of them out.",
        )  # fmt: skip


def _row(file: Path, path: Path, picture: Picture, ledger: Ledger) -> dict[str, object]:
    header, name = picture.header, file.name if path.is_file() else str(file.relative_to(path))
    patient = header["PatientID"] or header["StudyInstanceUID"] or name
    if not header["PatientID"]:
        ledger.warn("files without PatientID: their study (or the file) counts as the patient")
    row: dict[str, object] = {
        "case": name, "patient": patient, "time": _time(header), "sex": SEXES.get(header["PatientSex"].upper(), ""),
        "age": _age(header["PatientAge"]),
    }  # fmt: skip
    folders = [] if path.is_file() else list(file.relative_to(path).parts[:-1])
    if folders and folders[0].lower() in SPLITS:
        row["split"] = part_name(folders.pop(0))
    row["folder"] = folders[-1] if folders else ""
    if row["time"] == EPOCH:
        ledger.warn("files without a date: they stand at 1970-01-01 and have no place in time")
    return row


MOMENT = re.compile(r"(\d{8})(\d\d)?(\d\d)?(\d\d)?(?:\.\d*)?([+-]\d{4})?")


def _time(header: dict[str, str]) -> np.datetime64:
    """When the picture was taken, in UTC if the file states its zone; if only day or hour are known, at their end."""
    event = "Acquisition" if header["AcquisitionDate"] else "Study"
    day = header[f"{event}Date"]
    moments = [MOMENT.fullmatch(one) for one in (day + header[f"{event}Time"], day, header["AcquisitionDateTime"])]
    found = next((one for one in moments if one is not None), None)
    if found is None:
        return EPOCH
    day, hour, minute, second, zone = found.groups()
    zone = zone or header["TimezoneOffsetFromUTC"]
    zone = f"{zone[:3]}:{zone[3:]}" if re.fullmatch(r"[+-]\d{4}", zone) else ""
    clock = f"{minute}:{second or '00'}" if minute else "59:59"
    time = f"T{hour}:{clock}{zone}" if hour else ""
    when = parse(f"{day[:4]}-{day[4:6]}-{day[6:]}{time}")
    return EPOCH if when is None else when.latest


def _age(text: str) -> float:
    """Years of a DICOM age string: 063Y, 018M, 003W, 011D."""
    found = re.fullmatch(r"(\d{3})([DWMY])", text)
    return int(found[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[found[2]] if found else float("nan")


def _one_modality(found: list[Picture], wanted: str, path: Path) -> None:
    kinds = sorted({one.header["Modality"] for one in found})
    if wanted and kinds != [wanted]:
        raise DataError(f"{path.name} holds modality {', '.join(kinds)}.", expected=f"{wanted}, as stated.")
    if len(kinds) > 1:
        raise DataError(
            f"{path.name} mixes modalities: {', '.join(kinds)}.", expected="Pictures of one kind.",
            todo="Give a folder for each modality.",
        )  # fmt: skip


def with_outcomes(main: pd.DataFrame, path: Path, needed: bool, ledger: Ledger) -> pd.DataFrame:
    """The outcome of each case: from labels.csv (file or patient, outcome), else the name of its sub-folder."""
    table = path / LIST if path.is_dir() else path.with_name(LIST)
    folder = main.pop("folder")
    if table.is_file():
        try:
            found = pd.read_csv(table, dtype=str, encoding="utf-8-sig", keep_default_na=False)
        except (ValueError, UnicodeDecodeError) as err:
            raise DataError(
                f"{table.name} cannot be read as a table ({err}).", expected="UTF-8, comma-separated."
            ) from err
        found.columns = [str(one).strip().lower() for one in found.columns]
        key = next((one for one in KEYS if one in found), None)
        if key is None or "outcome" not in found:
            raise DataError(
                f"{table.name} has columns {', '.join(str(one) for one in found.columns)}.",
                expected="file (or patient) and outcome.",
            )
        column = "patient" if key.startswith("patient") else "case"
        twice = found.drop_duplicates([key, "outcome"])[key]
        if twice.duplicated().any():
            raise DataError(
                f"{table.name} gives {twice[twice.duplicated()].iloc[0]} two outcomes.", expected="One for each.",
                todo="Correct the list.",
            )  # fmt: skip
        main["outcome"] = words(main[column].map(dict(zip(found[key], found["outcome"], strict=True)))).to_numpy()
        if strange := len(set(found[key]) - set(main[column])):
            ledger.warn(f"{strange} entries of {table.name} name no picture that was read")
        lost = main["outcome"].isna()
        if needed and lost.any():
            raise DataError(f"{table.name} has no outcome for {main['case'][lost].iloc[0]}.", expected="One for each.")
    elif (folder != "").all() and folder.nunique() > 1:
        main["outcome"] = words(folder).to_numpy()
    elif needed:
        raise DataError(
            f"{path.name} says no outcome.", expected="A sub-folder for each class, or labels.csv (file, outcome).",
        )  # fmt: skip
    return main


DICOM = Adapter(
    name="healthcare.dicom",
    summary="DICOM pictures (a folder a class, or labels.csv)",
    sniff=sniff,
    read=read,
    options={"side": "side in pixels to which pictures are brought (default 64)", "modality": "the modality expected"},
)
