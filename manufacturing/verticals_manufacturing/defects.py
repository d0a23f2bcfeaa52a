"""manufacturing.defects: photos of pieces with known classes -> accept, reject or inspect by hand."""

from __future__ import annotations

from dataclasses import replace

from verticals.evaluate.metrics import accuracy, auroc, log_loss, macro_f1
from verticals_manufacturing.adapters import ALL
from verticals_manufacturing.bad_inputs import BAD_INPUTS
from verticals_manufacturing.decide import InspectionPolicy, decide_inspection, tune_inspection
from verticals_manufacturing.examples import PieceExamples
from verticals_manufacturing.schema import SCHEMA
from verticals_manufacturing.sections import inspection_sections
from verticals_manufacturing.simulate import simulate_pieces
from verticals_manufacturing.split import PieceSplit
from verticals_plugins import CoreSpec, Task

DEFECTS = Task(
    name="manufacturing.defects",
    summary="Find and name defects in photos of pieces; accept, reject or inspect by hand",
    schema=SCHEMA,
    adapters=ALL,
    demo=simulate_pieces,
    examples=PieceExamples(),
    split=PieceSplit(few=1500),
    core=CoreSpec(
        stems=("table", "texture:image"),
        head="classify",
        width=64, layers=2, heads=4, dropout=0.2,
        epochs=30, batch=32, learning_rate=2e-3, weight_decay=0.05, label_smoothing=0.05, average=0.98,
        members=3,
    ),
    baselines=("texture_svm", "hog_svm"),
    # the decision reads probabilities, and a few hundred pieces tell little by right and wrong alone
    metric=replace(log_loss, unit="group"),
    metrics=tuple(replace(one, unit="group") for one in (accuracy, auroc, macro_f1)),
    decide=decide_inspection,
    tune=tune_inspection,
    policy=InspectionPolicy,
    sections=inspection_sections,
    bad_inputs=BAD_INPUTS,
    protocol="split by piece with near duplicates together (or as given); gate on unseen pieces; test reported once",
)  # fmt: skip
