"""Stanzas from keywords and wishes: candidates, lines written anew, the same again."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from model.checkpoint import load_checkpoint
from model.errors import BadOption
from model.keywords import used
from model.lexicon import Entry, Lexicon
from model.lyrics_generator import METHOD, LyricsGenerator
from model.ranking import Candidate, Weights
from model.request import GenerationRequest
from model.rhyme import last_word, partner
from model.rules import SLACK
from model.sampling import Sampling
from model.text import NEWLINE, words
from tests.model.test_decoding import Uniform
from tests.shipped import LEXICON, VOCABULARY

SOUNDS = LEXICON.sounds
FEW = Lexicon({word: Entry(500, "n", word, 0.0) for word in ("cat", "dog", "sea", "sun", "moon")}, {}, {})


@pytest.fixture(scope="module")
def writer(lyrics_generator: LyricsGenerator) -> LyricsGenerator:
    return lyrics_generator


@cache
def stand_in() -> LyricsGenerator:
    """A pen to which all symbols are alike, with five words that nobody knows how to say."""
    return LyricsGenerator(Uniform(), VOCABULARY, FEW, "none")


def few(**asked: object) -> GenerationRequest:
    return GenerationRequest(sampling=Sampling(1.0), candidates=16, **asked)  # type: ignore[arg-type]


def rhymed(**asked: object) -> GenerationRequest:
    return GenerationRequest(candidates=16, scheme="ABAB", **asked)  # type: ignore[arg-type]


def lines_of(candidate: Candidate) -> list[str]:
    return candidate.text.split(NEWLINE)


def pairs(lines: list[str], scheme: str) -> list[bool]:
    """Whether the pairs of a scheme rhyme."""
    found = [(line, other) for line in range(len(lines)) if (other := partner(scheme, line)) is not None]
    return [SOUNDS.rhyme(last_word(lines[line]), last_word(lines[other])) for line, other in found]


SEA = ("sea", "ship")


@pytest.fixture(scope="module")
def stanza(writer: LyricsGenerator) -> Candidate:
    return writer.compose([(SEA, rhymed(seed=11))])[0]


def test_a_stanza_has_the_scheme_and_the_keyword(stanza: Candidate) -> None:
    assert pairs(lines_of(stanza), "ABAB") == [True, True]
    assert used(SEA, stanza.text, LEXICON)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_one_line_is_written_anew(writer: LyricsGenerator, stanza: Candidate, number: int) -> None:
    before = lines_of(stanza)
    request = rhymed(seed=11, rewritten=((number, 5),))
    after = lines_of(writer.compose([(SEA, request)])[0])
    assert after[number - 1] != before[number - 1]
    assert [line for n, line in enumerate(after, 1) if n != number] == [
        line for n, line in enumerate(before, 1) if n != number
    ]
    assert pairs(after, "ABAB") == [True, True]
    assert used(SEA, NEWLINE.join(after), LEXICON)
    # Those of the stanza, not of another one with the line's random seed.
    spoken = [SOUNDS.spoken(lines[number - 1]) for lines in (before, after)]
    assert abs(spoken[0] - spoken[1]) <= 2 * SLACK


def test_lines_are_written_anew_one_after_the_other(writer: LyricsGenerator, stanza: Candidate) -> None:
    """The same random seed gives the same line, another one another; each step keeps the one before."""
    steps = ((1, 5), (3, 6), (1, 7))
    done = [
        lines_of(found)
        for found in writer.compose([(SEA, rhymed(seed=11, rewritten=steps[:n])) for n in range(4)])
    ]
    assert done[0] == lines_of(stanza)
    changed = [[old != new for old, new in zip(*two, strict=True)] for two in pairwise(done)]
    assert changed == [[True, False, False, False], [False, False, True, False], [True, False, False, False]]
    assert done[3][0] != done[1][0]


def test_the_same_wish_gives_the_same_stanza_in_a_batch_or_alone(writer: LyricsGenerator) -> None:
    wanted = [
        (SEA, rhymed(seed=11, rewritten=((2, 5),))),
        ((), GenerationRequest(candidates=9, lines=2, seed=3)),
        (("dog",), GenerationRequest(candidates=16, seed=1, prompt="zzxq", syllables=5, scheme="free")),
    ]
    together = writer.candidates(wanted)
    assert together == [writer.candidates([one])[0] for one in wanted]
    assert together[::-1] == writer.candidates(wanted[::-1])


def test_candidates_come_best_first_and_their_parts_make_the_score(writer: LyricsGenerator) -> None:
    song = writer.sung([(SEA, rhymed(seed=11))])[0]
    totals = [one.score.total for one in song.candidates]
    assert totals == sorted(totals, reverse=True)
    assert 1 < len(totals) <= 16
    for one in song.candidates:
        assert one.score.total == pytest.approx(sum(one.score.parts.values()))
    assert writer.shown(song.candidates[0].text) == song.lines


def test_weights_that_a_header_does_not_have_are_the_programs_own(
    checkpoints: Path, writer: LyricsGenerator
) -> None:
    """The header of an older checkpoint names fewer parts of the score."""
    named = load_checkpoint(checkpoints / "generator.safetensors", "generator").header["ranking"]
    assert writer.tools.weights == replace(Weights(), **named)


def test_no_line_ends_like_another_and_every_ending_is_weighed(writer: LyricsGenerator) -> None:
    for request in (rhymed(seed=11), GenerationRequest(candidates=16, seed=4)):
        for one in writer.candidates([(SEA, request)])[0]:
            ends = [last_word(line).rpartition("-")[2] for line in lines_of(one)]
            assert len(set(ends)) == len(ends)
            assert one.score.endings <= 0
            assert one.score.novelty != 0


def test_the_beginning_of_a_word_steers_nothing(writer: LyricsGenerator) -> None:
    assert writer.keywords(None, "by moonl") == ()
    assert writer.keywords(None, "by moonlight") == ("moonlight",)
    # What nobody knows may be a name.
    assert writer.keywords(None, "zzxq") == ("zzxq",)
    assert writer.keywords(None, "bro") == ("bro",)
    assert writer.keywords("a dog", "\u2026 \u65e5") == ("dog",)
    assert writer.keywords("a dog", "the river moonl") == ("river", "dog")


def test_colours_steer_where_a_picture_has_nothing_else(writer: LyricsGenerator) -> None:
    assert set(writer.keywords("something red in the dark", "")) == {"red", "dark"}
    assert "red" not in writer.keywords("something red in the dark; a man in a red shirt is running", "")
    assert "red" not in writer.keywords(None, "something in the red rain")


def test_dead_ends_are_never_sung() -> None:
    """With one of five words forbidden every other row has nowhere to go."""
    request = few(syllables=4, forbidden=frozenset({"sun"}))
    for found in stand_in().candidates([((), replace(request, seed=n)) for n in range(8)]):
        assert found
        for one in found:
            assert math.isfinite(one.score.total)
            assert len(lines_of(one)) == 4
            assert {part for word in words(one.text) for part in word.split("-")} <= FEW.entries.keys()
            assert "sun" not in words(one.text.replace("-", " "))


def test_a_scheme_that_cannot_be_had_is_only_liked() -> None:
    """Words without sounds rhyme with none."""
    found = stand_in().compose([((), few(scheme="ABAB", syllables=4))])[0]
    assert len(lines_of(found)) == 4
    assert found.score.rhyme == 0


def test_what_is_written_changes_with_the_method_only() -> None:
    """If this fails because stanzas are drawn or chosen in another way: raise ``METHOD``."""
    requests = [few(seed=n, scheme=scheme) for n, scheme in enumerate((None, "AABB", "free"))]
    requests.append(few(prompt="the moon", lines=2, syllables=6, rewritten=((2, 7),)))
    texts = [one.text for one in stand_in().compose([(("sea",), request) for request in requests])]
    assert (METHOD, hashlib.sha256("|".join(texts).encode()).hexdigest()[:12]) == (7, "b78c1fc7dcb9")


def test_where_nothing_may_be_written_a_sentence_says_so() -> None:
    with pytest.raises(BadOption, match="No stanza came out"):
        stand_in().compose([((), few(forbidden=frozenset(FEW.entries)))])


def test_a_stanza_with_a_long_seed_is_written_and_written_anew(writer: LyricsGenerator) -> None:
    prompt = (
        "the morning light is shining on the hill and on the valley and the water and all over the mountain"
    )
    request = GenerationRequest(candidates=24, lines=2, prompt=prompt, syllables=4, scheme="AABB")
    first, second = map(
        lines_of, writer.compose([((), request), ((), replace(request, rewritten=((1, 9),)))])
    )
    assert first[0].startswith(prompt)
    assert second[0].startswith(prompt)
    assert first[1] == second[1]
    assert first[0] != second[0]
    assert pairs(second, "AABB") == [True]
