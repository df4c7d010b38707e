"""What stands in lyrics and is not sung: time stamps, section names, chords, credits, page footers.

A rule takes its match out of the line; its name is what the report counts. The rules are applied
until none matches, as taking one thing away can lay bare another: "[[x2] 3x]".
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from training.collecting.lines import plain, repaired

# No line that is sung is as long; it also bounds the work on one line.
MAX_LINE = 500

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
# Those from U+0080 on may be of another encoding, which is repaired first.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")
# Half of a printer's sign each: U+2019 has become U+0019.
_HALVED = str.maketrans("\x18\x19", "’’")
_WHITE = re.compile(r"\s+")

_WORK = r"(?:lyrics|words|music|text|arrangement)"
_DONE = (
    r"(?:written|composed|produced|performed|arranged|transcribed|submitted|corrected|translated|published|"
    r"recorded|provided|powered|licensed|contributed|mixed|mastered)"
)
_BY = rf"(?:{_WORK}(?:\s*(?:,|&|and)\s*{_WORK})*(?:\s+{_DONE})?|{_DONE})\s+by"
_MADE = (
    r"(?:song)?writers?|writer\(s\)|lyricists?|composers?|producers?|publishers?|arrang(?:er|ement)s?|"
    r"paroliers|album|artist|title|source|letra|música|paroles|musique|testo|musica|"
    r"(?:(?:backing |background |lead )?vocals|guitars?|bass|drums|piano|keyboards|strings|mix(?:ing)?|"
    r"mastering|recording)(?: by| engineer| arranger)?|capo|tuning|tempo|bpm|key"
)
# Kana, ideographs and Hangul.
_EAST = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_EASTERN = (
    "作?[词詞]|作?曲|[编編]曲|制作(?:人)?|製作(?:人)?|[监監]制|演唱|原唱|歌手|和[声聲]|[录錄]音|混音|吉他|贝斯|鼓|歌[词詞]?|唄|"
    "작사|작곡|편곡|노래"
)

_SECTION = (
    r"(?:(?:repeat|1st|2nd|3rd|\dth|first|second|third|fourth|last|final|double|half)\s+)?"
    r"(?:(?:pre|post)[\s-]?)?"
    r"(?:chorus|verse|bridge|refrain|intro|outro|interlude|instrumental|hook|coda|stanza)(?:es|s)?"
)
_NUMBER = r"(?:\s*(?:#?\d+|(?:one|two|three|four|five|six|seven|eight|i{1,3}|iv|vi{0,3})\b))?"
_TIMES = r"(?:[x×]\s?\d{1,2}|\d{1,2}\s?[x×])"
_PLAYED = (
    r"(?:(?:short|long|lead|acoustic|electric|steel|slide|guitar|piano|drums?|bass|sax(?:ophone)?|harmonica|violin|"
    r"fiddle|trumpet|keyboards?|synth|organ|flute|banjo|horns?|strings?|musical|instrumental|music|vocal)\s+)"
)
_PIECE = r"(?:solo|break(?:down)?|riff|interlude|instrumental|intro|outro)"
_FADE = r"(?:(?:and|to|till?|until|the|it|slow(?:ly)?)\s+)*fad(?:e|es|ing)(?:[\s-]?(?:out|in|away|end))?"
_REMARK = (
    rf"(?:{_FADE}|repeat(?:ed|s)?\b[^()]{{0,30}}|{_TIMES}|\d+ times|twice|{_PLAYED}*{_PIECE}|instrumental|"
    r"spoken|whispered|same as [^()]{0,30}|ad[\s-]?libs?(?: to [^()]{0,30})?)"
)
_AROUND = r"[\s\-–—*~=_#+|/\\<>♪♫]"
_TONE = r"[A-G](?:#|b|♯|♭)?"
_QUALITY = r"(?:maj|min|dim|aug|sus|add|M|m|\+|°|ø)?\d{0,2}(?:(?:sus|add|maj|[#b♯♭+-])\d{1,2})*"
_CHORD = rf"(?:{_TONE}{_QUALITY}(?:/{_TONE})?|N\.?C\.?)"
_BAR = r"(?:\s|[|%(),.]|\s[-–]\s)"
_PLAY = r"[-\d|hpbrsx/\\~^(). =]"


def _any(*patterns: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


_RULES = (
    (
        "time stamps",
        _any(r"\[\d{1,3}:\d{2}(?::\d{2})?(?:[.:,]\d{1,3})?\]", r"<\d{1,3}:\d{2}(?:[.:,]\d{1,3})?>"),
    ),
    ("markup", _any(r"</?[a-z][^<>]{0,80}>", r"<!--.{0,400}?-->")),
    (
        "marks",
        _any(
            r"\[[^\[\]]{0,80}\]",
            r"\{[^{}]{0,80}\}",
            rf"\(\s*(?:{_SECTION}{_NUMBER}\s*|{_REMARK}|music)\s*\)",
            rf"^\W*{_SECTION}{_NUMBER}\s*(?:\([^()]{{0,40}}\))?\s*(?:[-–—:(]*\s*{_REMARK}\s*)?\W*$",
            rf"^{_SECTION}{_NUMBER}\s*:",
            rf"^{_AROUND}+(?:{_REMARK}|{_PLAYED}+){_AROUND}*$",
            rf"^\W*{_PLAYED}+{_PIECE}\W*$",
            r"^\W*repeat(?:\W*|\b.{0,30}\bfade\b.{0,10})$",
            r"^\W*(?:break(?:down)?|drop|rap|solo|spoken)\s*:\W*$",
            rf"(?:^|\s){_TIMES}$",
            # "v1:", "ch:", "C2."
            r"^\W{0,3}(?:(?:v|vs|c|ch|b|br|pc|pre|r|ref|int|out|h)\s?\d{0,2}\s?:|(?:v|c|ch|br)\s?\d{1,2}(?:[.)]|\W*$))",
            # The number of a verse.
            r"^\d{1,2}[.)](?=\s|$)",
        ),
    ),
    # "Bridge - Jane Roe"
    ("marks", re.compile(rf"^\W*(?i:{_SECTION}{_NUMBER})\s+[-–—](?:\s+(?:and|&|[A-Z]\S*))+$")),
    (
        "chords and tabs",
        _any(
            # The alphabet is sung.
            rf"^(?!A\W+B\W+C\b){_BAR}*{_CHORD}(?:{_BAR}+(?:{_CHORD}|{_TIMES}))*{_BAR}*$",
            rf"^(?=(?:[^-]*-){{4}})(?:[A-Ga-g][#b]?)?\s*{_PLAY}+$",
            flags=0,
        ),
    ),
    (
        "junk",
        _any(
            r"^\d+\s*contributors?.*$",
            r"^see .{1,80} live\s*get tickets as low as.*$",
            r"^\W*(?:lyrics|submit corrections|share(?: url)?|copy|embed|print|tweet|advertisements?)\W*$",
            r"^you might also like$",
            r"^paroles de la chanson .* par .*$",
            r"^unfortunately, we are not (?:licensed|authorized).*$",
            r"^\W*this lyrics is not for commercial use\W*$",
            r"^\(\d{8,}\)$",
            r"^\W*(?:(?:song )?lyrics|words|chords|tabs?|text|taken|found)?\s*(?:from|at|on|via)\s*:.*$",
            r"^\W*lyrics\s+(?:courtesy|licensed|provided|powered|submitted|are\s+property)\b.*$",
            r"^.*\b(?:lyrics|text).{0,40}(?:property|copyright) of (?:their|its|the).*$",
            r"^.*\bprovided for educational purposes\b.*$",
            r"^\W*(?:thanks to|last updated?|find more|read more|correct these)\b.{0,60}\blyrics\b.*$",
            r"^.*\b(?:az|metro|song|e|old|sing365)lyrics?\b.*$",
            r"^.*\b(?:lyricsfreak|lyricsmode|lyricfind|musixmatch|genius\.com|letras\.mus)\b.*$",
            r"(?:https?://|www\.)\S+",
            r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info)\b(?:/\S*)?",
        ),
    ),
    # The heading and the source of a page: a capital late in a line is no verse's.
    (
        "junk",
        _any(
            r"^\W*[A-Z0-9].{0,80}\s(?:Lyrics|LYRICS)\W*$",
            r"^\W*(?i:lyrics)\s+(?i:from|at|on|via)\s+\S*[A-Z.].*$",
            flags=0,
        ),
    ),
    # Glued to the last word by a page's layout: the capital tells it from a word that is sung.
    (
        "junk",
        _any(
            r"(?:(?<=\S)|^)\d*K?Embed(?:Share ?URL)?(?:Copy)?(?:Embed)?(?:Copy)?$",
            r"(?<=\S)You might also like$",
            flags=0,
        ),
    ),
    (
        "credits",
        _any(
            rf"^\W*(?:{_BY}|{_MADE})\s*[:：].*$",
            r"^\W*(?:©|\(c\)\s*(?:\d{4}|[a-z])|copyright\b|all rights reserved\b|lyrics\s*©).*$",
            rf"^\W*[{_EAST}][{_EAST}\w\s/&、・.()（）-]{{0,40}}[:：].*$",
            rf"^\W*(?:{_EASTERN})(?:\s*[/／、&]\s*(?:{_EASTERN}))*(?:\s.*)?$",
        ),
    ),
    # "Written by Jane Roe" is a credit, "written by the stars" is sung.
    ("credits", re.compile(rf"^\W*(?i:{_BY})(?:\s+(?:and|&|[A-Z]\S*))+$")),
)
# What any line has that a rule matches: most are verse, and spared the rules.
_HINT = re.compile(
    r"[^A-Za-z\s,.;!?'\"’“”‘—-]|---|^\W{2}|\.\w|^[A-G]\S{0,6}(?:\s+[A-G|]|$)|"
    r"(?i:chorus|verse|bridge|refrain|intro|outro|interlude|instrumental|hook|coda|stanza|fad[ei]|repeat|solo|"
    r"break|riff|lyric|embed|\bby\b|might also|contributor|tickets|paroles|unfortunately|correct|copyright|"
    r"rights|musixmatch|educational|^\W*(?:share|copy|print|tweet|advert|report)|^\W*(?:v|c|ch|br)\b)"
)

# A singer's name before what he sings. One word or a few, each with a capital.
_NAME = re.compile(r"(?:[A-Z][\w.'’]*)(?:\s(?:&|and|[A-Z][\w.'’]*)){0,3}\s?:(?=\s|$)")
_VOICES = frozenset(
    "all both man woman men women boy boys girl girls he she him her together group choir duet everyone "
    "everybody male female lead backing background".split()
)


def tidy_line(line: str) -> tuple[str, set[str]]:
    """One line without what is not sung, and the names of what was taken away."""
    found: set[str] = set()
    while (tidied := _tidy_once(line, found)) != line:
        line = tidied
    return line, found


def tidy_name(name: str) -> str:
    """An artist's or title's name on one line, nothing invisible in it."""
    return _WHITE.sub(" ", _CONTROL.sub(" ", _INVISIBLE.sub("", repaired(name)))).strip()


def speakers(lines: Iterable[str]) -> set[str]:
    """The names, colon and all, that lines begin with and that nobody sings.

    They stand before two lines or more, alone on a line, in capitals, or say what a voice is ("Both:").
    """
    found: Counter[str] = Counter()
    # Once what is sung again: "Remember: ..." as a refrain is no name.
    for line in set(lines):
        for name, rest in _names(line):
            found[name] += 2 if not rest or _is_voice(name) else 1
    return {name for name, times in found.items() if times > 1}


def without_speaker(line: str, names: set[str]) -> str:
    """A line from behind the names that it begins with."""
    for name, rest in _names(line):
        if name not in names:
            return line
        line = rest
    return line


def _names(line: str) -> Iterator[tuple[str, str]]:
    """Each name that a line begins with, one behind the other, and what comes after it."""
    while match := _NAME.match(line):
        line = line[match.end() :].strip()
        yield match.group(), line


def _is_voice(name: str) -> bool:
    bare = name.rstrip(": ")
    return (bare.isupper() and len(bare) > 1) or bare.lower() in _VOICES


def _tidy_once(line: str, found: set[str]) -> str:
    line = html.unescape(line) if "&" in line else line
    if not line.isascii() or not line.isprintable():
        line = _CONTROL.sub(" ", _INVISIBLE.sub("", line.translate(_HALVED)))
        for what, mended in (("wrong encoding", repaired), ("look-alike letters", plain)):
            if (after := mended(line)) != line:
                found.add(what)
                line = after
    line = _WHITE.sub(" ", line).strip()
    if not _HINT.search(line):
        return line
    for name, pattern in _RULES:
        line, times = pattern.subn(" ", line)
        if times:
            found.add(name)
    return _WHITE.sub(" ", line).strip()
