"""What a diagnosis needs of its tables. Every further column of the case table is an input as well."""

from __future__ import annotations

from verticals_plugins import Category, Id, Image, Number, Schema, Time

TIMELINE = (
    Category("patient", required=True, aliases=("subject", "subject_id", "patient_id", "person_id")),
    Time("time", required=True, aliases=("charttime", "timestamp", "datetime", "date")),
    Category("variable", required=True, aliases=("code", "parameter", "analyte", "itemid", "concept")),
    Number("value", aliases=("numeric_value", "valuenum", "result", "value_as_number")),
    Category("unit", aliases=("units", "valueuom", "uom", "unit_of_measure")),
)

SCHEMA = Schema(
    id=Id("case", aliases=("case_id", "encounter", "visit_id", "admission", "hadm_id", "stay_id", "record_id")),
    entity=Category(
        "patient", aliases=("patient_id", "subject", "subject_id", "person_id", "recordid", "mrn"),
        help="whose rows must not stand on two sides of a split; each row is a patient of its own when absent",
    ),
    time=Time(
        "time", aliases=("index_time", "prediction_time", "admission_time", "date"),
        help="the moment of the decision: nothing later is used; the file's order when absent",
    ),
    target=Category(
        "outcome", aliases=("target", "label", "diagnosis", "class", "boolean_value", "in_hospital_death", "y"),
        help="what is to be predicted; further label_… columns make it multi-label",
    ),
    label_time=Time("outcome_time", aliases=("label_time", "diagnosed_at"), help="when the outcome became known"),
    fields=(
        Number("age", unit="years", lower=0, upper=120, aliases=("age_years", "anchor_age")),
        Category("sex", aliases=("gender",)),
        Category("site", aliases=("hospital", "center", "centre", "ward")),
        Category("split", aliases=("fold", "partition"), help="train, valid or test, when the data come with a split"),
        Image("image", aliases=("image_file", "file", "dicom"), help="a picture's file, relative to images/"),
        Time("image_time", aliases=("acquired_at", "study_time"), help="when the picture was taken"),
    ),
    tables={"timeline": TIMELINE},
)  # fmt: skip

RESERVED = ("case", "patient", "time", "outcome", "outcome_time", "split", "image", "image_time")
"""Columns of the main table that are no inputs."""
LABELS = "label_"
"""Columns that begin so are the labels of a multi-label target."""
