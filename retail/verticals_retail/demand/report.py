"""What the report shows of demand: some series with their bands, and what the orders would have cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from verticals_plugins import Decision, Predictions, Section, Series

SHOWN = 6


def sections(predictions: Predictions, decision: Decision) -> Sequence[Section]:
    """Forecasts of a few series, and the orders' cost beside the classic order's."""
    found = [
        Section(
            "Forecasts", "The last steps known, the median, and the band that should hold 80 of 100 values.",
            figure=_figure(predictions),
        )
    ]  # fmt: skip
    if "cost" in decision.summary:
        rows = [("these orders", "cost", "units_lost", "served")]
        rows.append(
            (
                "seasonal naive and safety stock",
                "cost_classic_order",
                "units_lost_classic_order",
                "served_classic_order",
            )
        )
        table = pd.DataFrame(
            [{"order": n, "cost": decision.summary[c], "units lost": decision.summary[u], "served": decision.summary[s]}
             for n, c, u, s in rows]
        )  # fmt: skip
        found.append(
            Section("Cost of the orders", "Both replayed on the same demand; unserved demand is lost.", table=table)
        )
    return found


def _figure(predictions: Predictions) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:
        block = predictions.examples.inputs["series"]
        assert isinstance(block, Series)
        low, middle, high = (int(np.argmin(np.abs(np.array(predictions.levels) - q))) for q in (0.1, 0.5, 0.9))
        shown, width = range(min(SHOWN, len(block))), 4 * block.horizon
        for place, row in enumerate(shown):
            past = block.values[max(block.start[row], block.origin[row] - width) : block.origin[row]]
            top = np.nanmax(np.abs(past)) if np.isfinite(past).any() else 1.0
            size = max(float(top), float(predictions.values[row, :, high].max()), 1e-9) * 1.1
            ahead = np.arange(block.horizon)
            axes.plot(np.arange(-len(past), 0), place + past / size, color="0.4", linewidth=0.8)
            band = predictions.values[row] / size + place
            axes.fill_between(ahead, band[:, low], band[:, high], alpha=0.3, color="C0")
            axes.plot(ahead, band[:, middle], color="C0")
            if predictions.examples.truth is not None:
                axes.plot(ahead, place + predictions.examples.truth[row] / size, color="C1", linewidth=0.8)
        axes.set_yticks(
            [one + 0.4 for one in shown], [str(predictions.examples.frame["entity"].iloc[r])[:18] for r in shown]
        )
        axes.set_xlabel("steps from the origin; each series on a scale of its own")

    return draw
