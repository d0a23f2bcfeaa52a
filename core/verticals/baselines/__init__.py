"""Classic methods that the gate compares with. Each is a ``Method`` on the same blocks as the core."""

from verticals.baselines.ranking import ALL as RANKING
from verticals.baselines.series import AUTO_ETS, AUTO_THETA, LIGHTGBM_LAGS, SEASONAL_NAIVE
from verticals.baselines.table import GBM, LOGISTIC
from verticals.baselines.texture import HOG_SVM, TEXTURE_SVM

ALL = (GBM, LOGISTIC, *RANKING, SEASONAL_NAIVE, AUTO_ETS, AUTO_THETA, LIGHTGBM_LAGS, HOG_SVM, TEXTURE_SVM)
