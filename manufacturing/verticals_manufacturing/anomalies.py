"""manufacturing.anomalies: photos of good pieces -> how far a new piece is from them, and where."""

from __future__ import annotations

from dataclasses import replace

from verticals.evaluate.blend import MeanBlend
from verticals.evaluate.calibrate import Identity
from verticals.evaluate.metrics import auroc, average_precision
from verticals_manufacturing.adapters import ALL
from verticals_manufacturing.bad_inputs import BAD_INPUTS
from verticals_manufacturing.decide import GoodOnlyPolicy, decide_inspection, tune_good_only
from verticals_manufacturing.examples import PieceExamples
from verticals_manufacturing.novelty import PATCH_PCA, TEXTURE_MEMORY
from verticals_manufacturing.schema import SCHEMA
from verticals_manufacturing.sections import inspection_sections
from verticals_manufacturing.self_trained import SELF_TRAINED
from verticals_manufacturing.simulate import simulate_pieces
from verticals_manufacturing.split import PieceSplit
from verticals_plugins import Task

ANOMALIES = Task(
    name="manufacturing.anomalies",
    summary="Learn from photos of good pieces alone; accept, reject or inspect by hand, with a heat map",
    schema=SCHEMA,
    adapters=ALL,
    demo=simulate_pieces,
    examples=PieceExamples(two_classes=True),
    split=PieceSplit(),
    core=SELF_TRAINED,
    baselines=(TEXTURE_MEMORY, PATCH_PCA),
    metric=replace(auroc, unit="group"),
    metrics=(replace(average_precision, unit="group"),),
    decide=decide_inspection,
    tune=tune_good_only,
    policy=GoodOnlyPolicy,
    blends=lambda: (MeanBlend(),),
    calibrate=Identity,
    sections=inspection_sections,
    bad_inputs=BAD_INPUTS,
    protocol=(
        "methods train on good pieces alone; known defects (or, without any, drawn ones) serve the gate and the test; "
        "split by piece with near duplicates together, or as given"
    ),
)
