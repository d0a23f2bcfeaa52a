"""education.courses: which courses a learner takes next, and which to offer while prerequisites and seats allow."""

from __future__ import annotations

from verticals.data.splits import GivenSplit, TimeSplit
from verticals_education.bad_inputs import BAD_INPUTS
from verticals_education.decide import Guidance, offer_courses, sections
from verticals_education.examples import Enrolments
from verticals_education.schema import SCHEMA
from verticals_education.simulate import simulate_faculty
from verticals_plugins import CoreSpec, Task

CORE = CoreSpec(
    stems=("items:history",),
    trunk="transformer",
    objective="next_item",
    head="rank",
    causal=True,
    width=64,
    layers=2,
    heads=2,
    dropout=0.2,
    epochs=14,
    pretrain_epochs=0,
    batch=64,
    learning_rate=4e-3,
    weight_decay=0.05,
    label_smoothing=0.05,
    options={"history": {"length": 30}, "head": {"length": 30}},
)

COURSES = Task(
    name="education.courses",
    summary="Recommend the next courses of a learner, within prerequisites and seats",
    schema=SCHEMA,
    adapters=(
        "education.recbole", "education.oulad", "education.moodle_log", "education.xapi", "education.enrolments",
    ),
    demo=simulate_faculty,
    examples=Enrolments(),
    split=GivenSplit(within=TimeSplit()),
    core=CORE,
    baselines=("popularity", "item_knn", "ease", "markov", "skip_markov"),
    metric="ndcg_10",
    metrics=("hr_10",),
    decide=offer_courses,
    policy=Guidance,
    sections=sections,
    bad_inputs=BAD_INPUTS,
    protocol="next course after everything taken before it; all courses ranked, taken ones left out; global time split",
)  # fmt: skip
