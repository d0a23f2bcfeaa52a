"""Curves of a report, drawn on matplotlib axes; ``as_svg`` turns one into inline SVG that needs no network."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from verticals.evaluate.calibrate import reliability
from verticals_plugins import Predictions

COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#64748b", "#dc2626")
Figure = Callable[[Any], None]


def as_svg(draw: Figure, *, title: str = "", width: float = 4.6, height: float = 3.4) -> str:
    """The figure as an ``<svg>`` element; the same figure gives the same text.

    Titles that differ keep the ids of a page's figures apart.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    style = {
        "svg.hashsalt": f"verticals {title}", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
        "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "font.family": "sans-serif",
        "axes.prop_cycle": mpl.cycler(color=COLOURS),  # type: ignore[attr-defined]
    }  # fmt: skip
    with mpl.rc_context(style):  # type: ignore[arg-type]
        figure = Canvas(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # nothing refers to them, and they repeat from figure to figure
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def figures_of(named: Mapping[str, Predictions]) -> list[tuple[str, Figure]]:
    """The curves that fit these predictions of the test part, with a title each."""
    first = next(iter(named.values()))
    truth = first.examples.truth
    if truth is None or first.values.dtype == object or not len(first):
        return []
    if "item" in first.extras:
        return [("Share of truths among the first k", lambda ax: hits(ax, named))] if truth.ndim == 1 else []
    if first.values.ndim == 1 and truth.ndim == 1 and set(np.unique(truth)) <= {0, 1}:
        pairs = {name: (truth.astype(float), one.values) for name, one in named.items()}
        curves: list[tuple[str, Figure]] = [
            ("Precision and recall", lambda ax: precision_recall(ax, pairs)),
            ("ROC", lambda ax: roc(ax, pairs)),
        ]
        chance = all(len(one) and one.values.min() >= 0 and one.values.max() <= 1 for one in named.values())
        return [*curves, ("Reliability", lambda ax: reliable(ax, pairs))] if chance else curves
    if first.values.ndim == 2 and truth.ndim == 1:
        pairs = {
            name: ((one.values.argmax(axis=1) == truth).astype(float), one.values.max(axis=1))
            for name, one in named.items()
        }
        return [
            ("Reliability of the most likely class", lambda ax: reliable(ax, pairs)),
            ("Confusion", lambda ax: confusion(ax, truth.astype(int), first)),
        ]
    if first.values.ndim == 2 and truth.shape == first.values.shape:
        return [("ROC of each label", lambda ax: roc(ax, by_label(first)))]
    if first.values.ndim == 3:
        return [
            ("Coverage of quantiles", lambda ax: coverage(ax, named)),
            ("A forecast", lambda ax: forecast(ax, first)),
        ]
    return []


def precision_recall(ax: Any, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Precision against recall."""
    for name, (truth, score) in pairs.items():
        hits = np.cumsum(truth[np.argsort(-score, kind="stable")])
        if not len(hits) or hits[-1] == 0:
            continue
        pick = thinned(len(hits))
        ax.plot(hits[pick] / hits[-1], hits[pick] / (pick + 1), label=name, drawstyle="steps-post")
    _finish(ax, "recall", "precision")


def roc(ax: Any, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """True against false positive rate."""
    for name, (truth, score) in pairs.items():
        order = np.argsort(-score, kind="stable")
        hits, misses = np.cumsum(truth[order]), np.cumsum(1 - truth[order])
        if len(hits) and hits[-1] and misses[-1]:
            pick = thinned(len(hits))
            ax.plot(misses[pick] / misses[-1], hits[pick] / hits[-1], label=name)
    ax.plot([0, 1], [0, 1], color="#94a3b8", linewidth=0.8, linestyle="--")
    _finish(ax, "false positive rate", "true positive rate")


def by_label(predictions: Predictions, most: int = 6) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(truth, score) of the labels that occur most, unknown truths left out."""
    truth = np.asarray(predictions.examples.truth, dtype=float)
    often = np.argsort(-np.nansum(truth, axis=0), kind="stable")[:most]
    names = predictions.examples.names
    known = ~np.isnan(truth)
    return {
        names[k] if k < len(names) else str(k): (truth[known[:, k], k], predictions.values[known[:, k], k])
        for k in often
    }


def hits(ax: Any, named: Mapping[str, Predictions]) -> None:
    """Share of examples whose truth is among the first k of the ranking."""
    for name, one in named.items():
        truth = one.examples.truth
        assert truth is not None
        found = np.maximum.accumulate(one.extras["item"] == truth[:, None], axis=1).mean(axis=0)
        ax.plot(np.arange(1, len(found) + 1), found, label=name)
    _finish(ax, "k", "share found")


def reliable(ax: Any, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """What was said against what was."""
    top = 0.0
    for name, (truth, score) in pairs.items():
        said, was, _ = reliability(truth, score)
        ax.plot(said, was, marker="o", markersize=3, label=name)
        top = max(top, float(np.max(said, initial=0)), float(np.max(was, initial=0)))
    ax.plot([0, top], [0, top], color="#94a3b8", linewidth=0.8, linestyle="--")
    _finish(ax, "probability said", "share that came true")


def confusion(ax: Any, truth: np.ndarray, predictions: Predictions) -> None:
    """Counts of true against predicted classes."""
    guess, names = predictions.values.argmax(axis=1), predictions.examples.names
    k = predictions.values.shape[1]
    counts = np.zeros((k, k), dtype=int)
    np.add.at(counts, (truth, guess), 1)
    ax.imshow(counts, cmap="Blues")
    ax.grid(False)
    labels = [names[i][:12] if i < len(names) else str(i) for i in range(k)]
    ax.set_xticks(range(k), labels, rotation=45, ha="right")
    ax.set_yticks(range(k), labels)
    if k <= 12:
        for i, j in np.ndindex(k, k):
            dark = counts[i, j] > counts.max() / 2
            ax.text(
                j, i, str(counts[i, j]), ha="center", va="center", fontsize=8, color="#ffffff" if dark else "#0f172a"
            )
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")


def coverage(ax: Any, named: Mapping[str, Predictions]) -> None:
    """Share of truths below each quantile against the quantile's level."""
    for name, one in named.items():
        truth = one.examples.truth
        assert truth is not None
        below = [
            np.nanmean(np.where(np.isnan(truth), np.nan, truth <= one.values[..., q])) for q in range(len(one.levels))
        ]
        ax.plot(one.levels, below, marker="o", markersize=3, label=name)
    ax.plot([0, 1], [0, 1], color="#94a3b8", linewidth=0.8, linestyle="--")
    _finish(ax, "level of the quantile", "share of truths below")


def forecast(ax: Any, predictions: Predictions) -> None:
    """The series with the largest truth: its quantiles and what came."""
    truth = predictions.examples.truth
    assert truth is not None
    row = int(np.nanargmax(np.nan_to_num(np.nansum(truth, axis=1))))
    steps = np.arange(1, truth.shape[1] + 1)
    values = predictions.values[row]
    ax.fill_between(
        steps, values[:, 0], values[:, -1], alpha=0.2, label=f"{predictions.levels[0]:g} to {predictions.levels[-1]:g}"
    )
    ax.plot(steps, values[:, values.shape[1] // 2], label="median")
    ax.plot(steps, truth[row], color=COLOURS[4], marker="o", markersize=2.5, linewidth=0.8, label="came")
    ax.set_title(str(predictions.examples.frame["entity"].iloc[row]), fontsize=9)
    _finish(ax, "step ahead", "")


def thinned(n: int, most: int = 400) -> np.ndarray:
    """At most ``most`` places of n, the first and last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def intervals(ax: Any, rows: Sequence[tuple[str, float, float, float, bool]], label: str) -> None:
    """One method a line: (name, value, lo, hi, ships)."""
    for place, (_, value, lo, hi, ships) in enumerate(reversed(rows)):
        colour = COLOURS[0] if ships else "#94a3b8"
        ax.plot([lo, hi], [place, place], color=colour, linewidth=2)
        ax.plot([value], [place], marker="o", color=colour)
    ax.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel(label)


def _finish(ax: Any, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, fontsize=8)
