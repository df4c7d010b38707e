"""What is held about somebody or a server, as a file."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import discord

_NAME = "songwriter-data.json"


def data_file(held: dict[str, Any], limit: int, description: str) -> discord.File:
    """Everything as JSON, packed where Discord would not take it otherwise; ``limit`` is in bytes."""
    name, data = _NAME, json.dumps(held, indent=2, ensure_ascii=False).encode()
    file = io.BytesIO(data)
    if len(data) > limit:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, data)
        file.seek(0)
        name += ".zip"
    return discord.File(file, name, description=description)
