"""Heads: contextual vectors -> outputs, loss, decode."""

from verticals.model.heads.classify import CLASSIFY, LABELS
from verticals.model.heads.forecast import FORECAST
from verticals.model.heads.rank import RANK

ALL = (CLASSIFY, LABELS, RANK, FORECAST)
