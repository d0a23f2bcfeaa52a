"""Learners under pseudonyms: a keyed hash (BLAKE2b) of the identifier, made where a file is read.

The key is the option ``salt``. It stays with the run (``config.json`` of the run and of its bundle), so that the same
learner has the same pseudonym when the bundle scores later files. Without the option a fixed, public key is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import pandas as pd

PUBLIC = "verticals"
NOTE = "salt"
OPTION = {"salt": "secret that makes pseudonyms of learners irreversible; kept in the run (default: a public one)"}


def salt_of(options: Mapping[str, str]) -> str:
    """The secret that a user gave, or the public one."""
    return options.get("salt") or PUBLIC


def pseudonym(learner: str, salt: str) -> str:
    """``L`` and 16 hexadecimal digits."""
    return "L" + blake2b(learner.encode(), digest_size=8, key=salt.encode()[:64]).hexdigest()


def pseudonyms(learners: pd.Series, salt: str) -> pd.Series:
    """One for each learner, as a category."""
    codes, names = pd.factorize(learners.astype(str))
    hidden = [pseudonym(str(name), salt) for name in names]
    order = sorted(hidden)
    at = {name: place for place, name in enumerate(order)}
    places = pd.Series([at[hidden[code]] for code in codes], index=learners.index, dtype="int64")
    values = pd.Categorical.from_codes(places.to_numpy(), categories=pd.Index(order, dtype=object))  # type: ignore[arg-type]
    return pd.Series(values, index=learners.index)
