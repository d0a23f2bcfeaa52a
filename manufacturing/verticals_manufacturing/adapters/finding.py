"""Where the picture of an annotation lies: by its path as given, else by its name among the pictures around."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from verticals_manufacturing.adapters.folders import MASKS, SPLITS
from verticals_manufacturing.pictures import is_picture, natural
from verticals_plugins import DataError

MOST_FILES = 2_000_000


def split_of(*parts: str) -> str | None:
    """train, valid or test, if one of the words (split at ``_``, ``-`` and ``.``) says so."""
    for part in parts:
        for word in part.lower().replace("-", "_").replace(".", "_").split("_"):
            name = re.sub(r"\d{4}$", "", word)  # train2017
            if name in SPLITS:
                return SPLITS[name]
    return None


@dataclass
class Finder:
    """Pictures below ``root``, by name and by stem, those in folders of masks left out; filled when first needed."""

    root: Path
    names: dict[str, list[Path]] | None = None

    def find(self, given: str, *near: Path) -> Path:
        """The file that ``given`` means: beside one of ``near``, else the only one of that name below the root.

        A path that is found nowhere is returned as it would lie beside the first of ``near``.

        Raises:
            DataError: several pictures of that name lie below the root.
        """
        clean = PurePosixPath(given.replace("\\", "/"))
        folders = near or (self.root,)
        for folder in folders:
            for tail in (clean, PurePosixPath(clean.name)):
                if (folder / tail).is_file():
                    return folder / tail
        found = self._named().get(clean.name.lower(), [])
        longer = [p for p in found if p.as_posix().lower().endswith("/" + "/".join(clean.parts[-2:]).lower())]
        if len(found) > 1 and len(longer) == 1:
            return longer[0]
        if len(found) > 1:
            raise DataError(
                f"{clean.name} could be any of {len(found)} files ({found[0]}, {found[1]} …).",
                expected="One picture of that name.",
                todo="Point to the folder of one split, or give longer paths.",
            )
        return found[0] if found else folders[0] / clean

    def with_stem(self, stem: str, *near: Path) -> Path | None:
        """The picture called ``stem`` with any ending, in one of ``near`` or, if it is the only one, below the root."""
        for folder in near:
            for path in self._stems(folder):
                if path.stem == stem:
                    return path
        found = [p for many in self._named().values() for p in many if p.stem == stem]
        return found[0] if len(found) == 1 else None

    def every(self) -> list[Path]:
        """All pictures below the root, by path with numbers in order."""
        return sorted((p for many in self._named().values() for p in many), key=natural)

    def _stems(self, folder: Path) -> list[Path]:
        return [p for many in self._named().values() for p in many if p.parent == folder]

    def _named(self) -> dict[str, list[Path]]:
        if self.names is None:
            self.names = {}
            for count, path in enumerate(sorted(self.root.rglob("*"))):
                if count > MOST_FILES:
                    raise DataError(f"{self.root} holds more than {MOST_FILES} files.", todo="Point to a smaller one.")
                masks = any(part.lower() in MASKS for part in path.relative_to(self.root).parts[:-1])
                if is_picture(path) and not masks and path.is_file():
                    self.names.setdefault(path.name.lower(), []).append(path)
        return self.names
