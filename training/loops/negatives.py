"""The program's own stanzas and plans about what people's are about: a reader learns to tell them apart."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model.errors import BadInput
from model.files import write_whole
from model.keywords import distinct, extract
from model.lyrics_generator import LyricsGenerator
from model.plan import Plan, outline
from model.planner import Brief
from model.request import GenerationRequest
from model.rhyme import SCHEMES
from model.sampling import Sampling
from model.sampling_jobs import HINTED, stanza_jobs
from model.text import NEWLINE
from training.corpora.songbook import Verse, read_songbook, split_songbook

# Candidates kept of each stanza, plans of each brief, and people's stanzas of those that are near.
_STANZAS, _PLANS, _ADAPTED, _NEAR = 4, 8, 3, 24
# Stanzas drawn at once.
_BATCH = 4
_TEMPERATURES = (0.3, 0.4, 0.4, 0.6, 0.8)
_PLAN_TEMPERATURES = (0.5, 0.64, 0.64, 0.8)
_DRAFTS = 24
_KEYWORDS = 4
# Chance that the stanza's mood is asked for.
_MOOD = 0.3
# Share of the stanzas and briefs whose candidates today's readers choose. What they like best and is no
# person's, those of tomorrow have to know; what they reject as well.
_CHOSEN = 0.6


def write_negatives(
    writer: LyricsGenerator,
    songbook: Path,
    output: Path,
    count: int,
    plans: bool,
    seed: int,
    adapted: bool = False,
) -> int:
    """Draw about the keywords of so many training stanzas; return how many were written.

    Args:
        writer: with a planner.
        songbook: file of stanzas.
        output: JSON lines of ``keywords`` and ``lines``, a plan's words as its lines, and of an adapted
            stanza what the ``person`` wrote.
        count: stanzas whose keywords are taken.
        plans: draw plans only.
        seed: of all draws.
        adapted: take people's stanzas that are near, adapted, and draw nothing.

    Raises:
        BadInput: the songbook cannot be read, or there is no planner.
    """
    if writer.tools.planner is None:
        raise BadInput("There is no planner beside the generator: train one first.")
    draw = random.Random(seed)
    verses = split_songbook(read_songbook(songbook))["train"]
    chosen = draw.sample(verses, min(count, len(verses)))
    drawn = _plans if plans else _adapted if adapted else _stanzas
    rows = list(drawn(writer, chosen, draw))
    write_whole(output, "".join(json.dumps(row) + "\n" for row in rows).encode())
    return len(rows)


def _keywords(writer: LyricsGenerator, verse: Verse) -> tuple[str, ...]:
    return tuple(extract(" ".join(verse.keywords), writer.lexicon, _KEYWORDS, filled=True))


def _mood(verse: Verse, draw: random.Random) -> str | None:
    return verse.mood if draw.random() < _MOOD else None


def _stanzas(writer: LyricsGenerator, verses: list[Verse], draw: random.Random) -> Iterator[dict[str, Any]]:
    # The caller's own keeps its readers.
    whole, writer = writer.tools, copy(writer)
    for start in tqdm(range(0, len(verses), _BATCH), desc="stanzas"):
        some = verses[start : start + _BATCH]
        writer.tools = whole if draw.random() < _CHOSEN else whole._replace(reader=None, plan_reader=None)
        requests = [
            GenerationRequest(
                Sampling(draw.choice(_TEMPERATURES)),
                seed=draw.randrange(2**32),
                style=verse.style,
                mood=_mood(verse, draw),
            )
            for verse in some
        ]
        wanted = [(_keywords(writer, verse), request) for verse, request in zip(some, requests, strict=True)]
        for verse, found in zip(some, writer.candidates(wanted), strict=True):
            best, *others = distinct([one.text for one in found])
            for text in [best, *draw.sample(others, min(_STANZAS - 1, len(others)))]:
                yield {"keywords": list(verse.keywords), "lines": text.split(NEWLINE)}


def _adapted(writer: LyricsGenerator, verses: list[Verse], draw: random.Random) -> Iterator[dict[str, Any]]:
    """People's stanzas as plans adapt them to what others are about."""
    book = writer.tools.planbook
    if book is None:
        return
    for verse in tqdm(verses, desc="stanzas"):
        brief = Brief(_keywords(writer, verse), verse.style, _mood(verse, draw), scheme=HINTED)
        near = book.near(brief, _NEAR, np.random.default_rng(draw.randrange(2**32)))
        for one in draw.sample(near, min(_ADAPTED, len(near))):
            yield {
                "keywords": list(verse.keywords), "lines": list(one.lines), "person": list(one.person)
            }  # fmt: skip


def _plans(writer: LyricsGenerator, verses: list[Verse], draw: random.Random) -> Iterator[dict[str, Any]]:
    for verse in tqdm(verses, desc="plans"):
        drawn = _followed if draw.random() < _CHOSEN else _drafted
        for plan in drawn(writer, verse, draw):
            yield {"keywords": list(verse.keywords), "lines": list(outline(plan))}


def _followed(writer: LyricsGenerator, verse: Verse, draw: random.Random) -> list[Plan]:
    """The plans that stanzas about a verse's keywords would follow."""
    request = GenerationRequest(seed=draw.randrange(2**32), style=verse.style, mood=_mood(verse, draw))
    tasks = stanza_jobs(writer.tools, _keywords(writer, verse), request)
    return [task.job.conditioning.plan for task in tasks if task.job.conditioning.plan]


def _drafted(writer: LyricsGenerator, verse: Verse, draw: random.Random) -> list[Plan]:
    """Some of the plans that the planner draws, chosen by nobody."""
    scheme = verse.scheme if verse.scheme in SCHEMES else SCHEMES[0]
    brief = Brief(_keywords(writer, verse), verse.style, _mood(verse, draw), scheme=scheme)
    random = np.random.default_rng(draw.randrange(2**32))
    planner = writer.tools.planner
    drafts = planner.draw(brief, _DRAFTS, draw.choice(_PLAN_TEMPERATURES), random) if planner else []
    return [draft.plan for draft in draw.sample(drafts, min(_PLANS, len(drafts)))]
