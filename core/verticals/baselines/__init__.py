"""Classic methods that the gate compares with. Each is a ``Method`` on the same blocks as the core."""

from verticals.baselines.ranking import ALL as RANKING
from verticals.baselines.table import GBM, LOGISTIC

ALL = (GBM, LOGISTIC, *RANKING)
