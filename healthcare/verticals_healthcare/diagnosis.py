"""healthcare.diagnosis: refer, reassure or abstain, from a case row, a timeline and a picture, any of them missing."""

from __future__ import annotations

from dataclasses import replace

from verticals.evaluate.metrics import auroc
from verticals_healthcare.adapters import ADAPTERS
from verticals_healthcare.bad_inputs import BAD_INPUTS
from verticals_healthcare.classic import GBM, LOGISTIC
from verticals_healthcare.decide import DiagnosisPolicy, decide, tune
from verticals_healthcare.examples import CaseExamples
from verticals_healthcare.pixels import HOG_SVM, PIXEL_FOREST
from verticals_healthcare.schema import SCHEMA
from verticals_healthcare.sections import sections
from verticals_healthcare.simulate import simulate_ward
from verticals_healthcare.splits import CaseSplit
from verticals_plugins import CoreSpec, Task

AUROC = replace(auroc, unit="patient")
STEPS = 48
CORE = CoreSpec(
    stems=("events:timeline", "image", "table"),
    objective="masked_field",
    head="classify",
    causal=False,
    width=48,
    layers=1,
    dropout=0.2,
    epochs=10,
    pretrain_epochs=2,
    batch=64,
    learning_rate=3e-3,
    weight_decay=0.05,
    label_smoothing=0.05,
    average=0.98,
    members=2,
    options={"timeline": {"length": STEPS}},
)

DIAGNOSIS = Task(
    name="healthcare.diagnosis",
    summary="Say who needs a work-up: refer, reassure, or leave it to a clinician",
    schema=SCHEMA,
    adapters=ADAPTERS,
    demo=simulate_ward,
    examples=CaseExamples(steps=STEPS),
    split=CaseSplit(),
    core=CORE,
    baselines=(GBM, LOGISTIC, HOG_SVM, PIXEL_FOREST),
    metric=AUROC,
    metrics=("average_precision", "brier", "log_loss", "accuracy"),
    decide=decide,
    policy=DiagnosisPolicy,
    tune=tune,
    sections=sections,
    bad_inputs=BAD_INPUTS,
    protocol="split by patient; gate on patients that no fit has seen; the test part is reported once",
)

__all__ = ["CORE", "DIAGNOSIS"]
