"""What a long measurement has finished, kept beside its result, so that the same command can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from model.files import write_whole

T = TypeVar("T")

# Behind the name of the result.
_SUFFIX = ".unfinished"


class Journal:
    """Finished items of a measurement, as JSON lines: each is there whole, or not at all.

    Args:
        result: the file beside which they are kept until it is written; None keeps nothing.
        of: what the items depend on, as JSON. Where that is another thing, they are forgotten.
    """

    def __init__(self, result: Path | None = None, of: Mapping[str, Any] | None = None) -> None:
        self.path = result and result.with_name(result.name + _SUFFIX)
        self._of = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
        self._kept: dict[str, list[Any]] = {}
        # Another command's stays as it is until there is something to keep.
        self._begun = False
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def each(
        self,
        stage: str,
        wanted: Sequence[T],
        work: Callable[[Sequence[T]], Sequence[Any]],
        batch: int = 1,
        unit: str = "stanza",
    ) -> list[Any]:
        """Do something for each of many things, but for those that were done before.

        Args:
            stage: names this work among the measurement's, and the progress bar.
            wanted: the things, the same ones in the same order each time.
            work: some of them -> an item for each, as JSON gives it back.
            batch: how many at once.
            unit: what the progress bar counts.

        Returns:
            an item for each.

        Raises:
            OSError: the disk is full.
        """
        done = self.done(stage)
        with tqdm(total=len(wanted), initial=len(done), desc=stage, unit=unit) as progress:
            for start in range(len(done), len(wanted), batch):
                items = list(work(wanted[start : start + batch]))
                self._write(stage, start, items)
                done += items
                progress.update(len(items))
        return done

    def done(self, stage: str) -> list[Any]:
        """The items that are finished."""
        return self._kept.setdefault(stage, [])

    def remove(self) -> None:
        """Forget everything: the result is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        # The last line is empty, or was being written when the program ended.
        whole = path.read_bytes().split(b"\n")[:-1]
        try:
            first, *entries = map(json.loads, whole)
            if first == self._of:
                self._kept = _items(entries)
                write_whole(path, b"".join(line + b"\n" for line in whole))
                self._begun = True
        except (ValueError, TypeError):
            # Nobody has to mend by hand what can be done again.
            self._kept = {}

    def _write(self, stage: str, start: int, items: list[Any]) -> None:
        if self.path is None:
            return
        if not self._begun:
            write_whole(self.path, json.dumps(self._of).encode() + b"\n")
            self._begun = True
        with self.path.open("ab") as file:
            file.write(json.dumps([stage, start, items]).encode() + b"\n")


def _items(entries: Iterable[Any]) -> dict[str, list[Any]]:
    """Entries of stage, place and items -> items by stage; a ``ValueError`` where one is out of place."""
    found: dict[str, list[Any]] = {}
    for stage, start, items in entries:
        kept = found.setdefault(stage, [])
        if start != len(kept):
            raise ValueError("two programs have written")
        kept += items
    return found
