"""Heads: contextual vectors -> outputs, loss, decode."""

from verticals.model.heads.classify import CLASSIFY, LABELS
from verticals.model.heads.forecast import FORECAST
from verticals.model.heads.rank import RANK
from verticals.model.heads.regress import REGRESS

ALL = (CLASSIFY, LABELS, RANK, FORECAST, REGRESS)
