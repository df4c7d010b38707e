"""JSON lines, as songs, stanzas and corpora are kept."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import BadInput


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, plain or .xz.

    Raises:
        BadInput: it cannot be read or is damaged.
    """
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
    except (lzma.LZMAError, EOFError) as error:
        raise BadInput(f"{path} is not an intact .xz file.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON lines: {error}.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
