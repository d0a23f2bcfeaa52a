"""The bundle: opens, scores what it never saw, survives a round trip, and refuses to be tampered with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from verticals_plugins.errors import VerticalsError
from verticals_plugins.examples import Predictions
from verticals_plugins.testing.change import with_unseen_entities
from verticals_plugins.testing.compare import difference
from verticals_plugins.testing.outcome import CheckFailedError, applies, expect
from verticals_plugins.testing.subject import Subject
from verticals_plugins.types import CoreSpec

PLAIN = {".json", ".txt", ".safetensors", ".npz", ".parquet"}


def bundle_opens(subject: Subject) -> None:
    """It predicts as many examples as it is given, and believable numbers."""
    asked = subject.examples.take(subject.some(50))
    expect_believable(subject.bundle.predict_examples(asked), len(asked))


def expect_believable(said: Predictions, n: int) -> None:
    """N finite values; probabilities between 0 and 1, or rising quantiles, or falling scores of candidates."""
    expect(len(said) == n, f"{len(said)} predictions of {n} examples")
    values = said.values
    if values.dtype == object:
        return
    if "item" in said.extras:
        values = np.where(said.extras["item"] >= 0, values, 0.0)
    expect(bool(np.isfinite(values).all()), "a prediction is not finite")
    if said.levels:
        expect(bool((np.diff(values, axis=-1) >= 0).all()), "quantiles fall")


def bundle_survives_a_round_trip(subject: Subject) -> None:
    """Saved again and opened again it predicts the same, bit for bit."""
    subject.bundle.save(subject.folder / "copy")
    copy = subject.runner.load(subject.folder / "copy")
    asked = subject.examples.take(subject.some(50))
    first, second = subject.bundle.predict_examples(asked), copy.predict_examples(asked)
    found = difference(first.values, second.values, "values") or difference(dict(first.extras), dict(second.extras))
    expect(not found, f"the copy predicts otherwise: {found}")


def bundle_repeats_itself(subject: Subject) -> None:
    """Predicting twice gives the same, bit for bit."""
    asked = subject.examples.take(subject.some(50))
    first, second = (subject.bundle.predict_examples(asked).values for _ in range(2))
    found = difference(first, second, "values")
    expect(not found, f"two predictions differ: {found}")


def scores_do_not_depend_on_their_neighbours(subject: Subject) -> None:
    """An example scored alone gets what it gets among others, up to rounding."""
    applies(not subject.is_planning, "plans have checks of their own")
    rows = subject.some(12)
    together = subject.bundle.predict_examples(subject.examples.take(rows)).values
    alone = [
        subject.bundle.predict_examples(subject.examples.take(rows[i : i + 1])).values[0] for i in range(len(rows))
    ]
    far = np.abs(together - np.stack(alone)) / (1e-6 + np.abs(together))
    expect(bool((np.nan_to_num(far) < 1e-3).all()), f"scored alone, values differ by up to {far.max():.2%}")


def batches_are_scored_as_the_whole(subject: Subject) -> None:
    """A task that is ``by_rows`` says of three batches, one after another, what it says of all their rows at once."""
    applies(subject.task.by_rows, "the task reads its data whole")
    schema, rows = subject.task.schema, subject.dataset.main.tail(90)
    rows = rows.drop(columns=[] if schema.target is None else schema.target.name, errors="ignore")
    parts = [subject.dataset.with_main(rows.iloc[at : at + 30].reset_index(drop=True)) for at in (0, 30, 60)]
    tables = list(subject.bundle.predict_batches(parts))
    whole = subject.bundle.predict(subject.dataset.with_main(rows.reset_index(drop=True)))
    for name in ("id", "action"):
        said = [one for table in tables for one in table[name]]
        expect(said == list(whole[name]), f"in batches, column {name!r} of the decision is another")


def unseen_entity_is_scored(subject: Subject) -> None:
    """Rows of an entity that was not there in training get a decision."""
    schema = subject.task.schema
    has = schema.entity is not None and schema.entity.name in subject.dataset.main
    applies(has, "the task has no entities")
    applies(isinstance(subject.task.core, CoreSpec), "a planning task: every day's plan is of an unseen day")
    table = subject.bundle.predict(with_unseen_entities(subject.dataset))
    expect(len(table) > 0, "rows of an unseen entity give no decision")
    expect(bool(table["action"].notna().all()), "a row of an unseen entity has no action")


def rows_without_target_are_scored(subject: Subject) -> None:
    """What is to be predicted need not be there."""
    target = subject.task.schema.target
    applies(target is not None and target.name in subject.dataset.main, "the main table has no target column")
    assert target is not None
    applies(not subject.is_series, "the target's own past is the input")
    data = subject.dataset.with_main(subject.dataset.main.tail(50).drop(columns=target.name).reset_index(drop=True))
    expect(len(subject.bundle.predict(data)) > 0, "rows without a target give no decision")


def bundle_holds_plain_files_only(subject: Subject) -> None:
    """safetensors, LightGBM text, npz, parquet and JSON: nothing that runs when it is opened."""
    home = subject.run.folder / "bundle"
    odd = [path.name for path in home.rglob("*") if path.is_file() and path.suffix not in PLAIN]
    expect(not odd, f"the bundle holds {odd}")


def changed_bundle_is_refused(subject: Subject) -> None:
    """One changed byte is an error that names the file."""
    home = subject.folder / "changed"
    shutil.copytree(subject.run.folder / "bundle", home)
    path = max((one for one in home.rglob("*") if one.is_file() and one.name != "manifest.json"), key=_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    try:
        subject.runner.load(home)
    except VerticalsError as err:
        expect(path.name in str(err), f"the error does not name {path.name}: {err}")
        return
    raise CheckFailedError(f"{path.name} was changed, and the bundle opened")


def _size(path: Path) -> int:
    return path.stat().st_size


CHECKS = (
    bundle_opens,
    bundle_repeats_itself,
    bundle_survives_a_round_trip,
    scores_do_not_depend_on_their_neighbours,
    batches_are_scored_as_the_whole,
    unseen_entity_is_scored,
    rows_without_target_are_scored,
    bundle_holds_plain_files_only,
    changed_bundle_is_refused,
)
