"""What translators write: gettext's .po files, read as they are, without a step that compiles them."""

from __future__ import annotations

import ast
import gettext
import io
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "data" / "languages"

_BLANK = re.compile(r"\n[ \t]*\n")
# A keyword with its text, or one more piece of the text before.
_TEXT = re.compile(r'^(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?|)\s*(".*")\s*$', re.MULTILINE)
_FUZZY = re.compile(r"^#,.*\bfuzzy\b", re.MULTILINE)
_MAGIC, _HEAD, _PLACE = 0x950412DE, struct.Struct("<7I"), struct.Struct("<2I")


def catalogues(folder: Path = FOLDER) -> dict[str, gettext.GNUTranslations]:
    """All languages that there are, by the names of their files without the ending."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.po"))}


def read(path: Path) -> gettext.GNUTranslations:
    """One language."""
    return gettext.GNUTranslations(io.BytesIO(_compiled(dict(entries(path.read_text(encoding="utf-8"))))))


def entries(text: str) -> Iterator[tuple[str, str]]:
    """What gettext looks up, and what it finds; nothing that is not translated, or marked as a guess."""
    for block in _BLANK.split(text):
        entry: dict[str, str] = {}
        for keyword, quoted in _TEXT.findall(block):
            name = keyword or next(reversed(entry))
            entry[name] = entry.get(name, "") + ast.literal_eval(quoted)
        forms = [said for name, said in entry.items() if name.startswith("msgstr")]
        if "msgid" in entry and all(forms) and not _FUZZY.search(block):
            context = f"{entry['msgctxt']}\x04" if "msgctxt" in entry else ""
            many = f"\0{entry['msgid_plural']}" if "msgid_plural" in entry else ""
            yield context + entry["msgid"] + many, "\0".join(forms)


def _compiled(entries: Mapping[str, str]) -> bytes:
    """The same as gettext reads it: https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html."""
    texts = [text.encode() for pair in zip(*sorted(entries.items()), strict=True) for text in pair]
    first = _HEAD.size + _PLACE.size * len(texts)
    places, body = b"", b""
    for text in texts:
        places += _PLACE.pack(len(text), first + len(body))
        body += text + b"\0"
    number = len(entries)
    originals = _HEAD.size
    head = _HEAD.pack(_MAGIC, 0, number, originals, originals + _PLACE.size * number, 0, first)
    return head + places + body
