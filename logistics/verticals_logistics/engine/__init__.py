"""A routing engine: ruin and recreate for every variant (slack induction by string removals), in numba."""
