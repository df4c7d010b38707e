"""Lexicon, keywords, mood and ranking, on the lexicon that ships."""

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.decoding import Sample
from model.errors import BadCheckpoint
from model.keywords import MAX_KEYWORDS, extract, sung, used
from model.lexicon import Entry, Lexicon
from model.mood import MOODS, mood_of
from model.plan import LinePlan
from model.ranking import Scorer, Weights, repetition
from model.rhyme import Pronunciations
from tests.shipped import LEXICON


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("two dogs are running through the snow", {"dog", "snow", "run"}),
        ("a man in a red shirt is standing in front of a building", {"building"}),
        ("a girl swings near a pile of leaves", {"girl", "swing", "leaf", "pile"}),
        ("a boy throws a frisbee", {"boy", "frisbee", "throw"}),
        ("a woman rides a bicycle on the sidewalk", {"ride", "wheel", "street"}),
    ],
)
def test_captions_give_content_words_that_can_be_sung(caption: str, expected: set[str]) -> None:
    assert set(extract(caption, LEXICON)) == expected


def test_filler_is_used_only_where_nothing_else_is_there() -> None:
    assert extract("a man is standing", LEXICON)
    assert "man" not in extract("a man with a dog", LEXICON)


@given(st.text(max_size=200))
def test_keywords_are_few_distinct_and_folded(text: str) -> None:
    found = extract(text, LEXICON)
    assert len(found) <= MAX_KEYWORDS
    assert len(set(found)) == len(found)
    assert all(word.isascii() and word.islower() for word in found)


def test_inflections_count_as_use() -> None:
    assert used(["dog", "run", "sea"], "The dogs ran away", LEXICON) == ["dog", "run"]


def test_substitutes_are_sung() -> None:
    assert all(sung(word, LEXICON) >= 25 for word in set(LEXICON.substitutes.values()))


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("we laugh and dance and sing with joy and glee", "happy"),
        ("she wept with grief beside the lonely grave", "sad"),
        ("kiss me my darling, gentle and dear my love", "tender"),
        ("with sword and blood and rage we fight the foe", "angry"),
        ("the silver moon, a dream of night and mist", "dreamy"),
        ("he went to town to buy a loaf", None),
    ],
)
def test_moods(text: str, mood: str | None) -> None:
    assert mood_of(text, LEXICON) == mood
    assert mood is None or mood in MOODS


def preferred(found: list[Sample], keywords: list[str], lines: int = 1) -> Sample:
    scorer = Scorer(keywords, lines, LEXICON)
    scores = [scorer.score(one).total for one in found]
    return found[scores.index(max(scores))]


def test_keywords_need_not_all_stand_in_the_first_line() -> None:
    crowded = Sample("the dog and the snow and the run\n", False, False, 1.3)
    easy = Sample("the morning light is on the hill\n", False, False, 1.1)
    assert preferred([crowded, easy], ["dog", "snow", "run"], lines=4) is easy
    assert preferred([crowded, easy], ["dog", "snow", "run"], lines=1) is crowded


def test_a_beginning_that_a_limit_cut_is_not_gone_on_with() -> None:
    endless = Sample("the sea and the sea and the hill", False, True, 0.3)
    begun = Sample("the morning light is on the hill\n", False, False, 1.4)
    assert preferred([endless, begun], [], lines=4) is begun


def test_the_candidate_with_the_keyword_wins_among_equals() -> None:
    plain = Sample("the sun is on the hill", True, False, 1.0)
    about = Sample("the dog is on the hill", True, False, 1.0)
    assert preferred([plain, about], ["dog"]) is about


def test_loops_lose() -> None:
    loop = Sample("the sea the sea the sea the sea the sea", True, False, 0.5)
    verse = Sample("the sea is wide and i am far from home", True, False, 0.9)
    assert repetition(loop.text.split()) > repetition(verse.text.split())
    assert preferred([loop, verse], []) is verse


def test_lines_that_open_alike_lose() -> None:
    alike = Sample("and the sea is wide\nand i am far from home", True, False, 0.9)
    apart = Sample("the sea is wide and\ni am far from my home", True, False, 0.9)
    assert preferred([alike, apart], [], lines=2) is apart


def test_scores_explain_their_total() -> None:
    candidate = Sample("the dog zzxqy", False, True, 1.2)
    found = Scorer(["dog"], 2, LEXICON).score(candidate)
    assert found.likelihood == -1.2
    assert found.keywords > 0 > found.unknown
    assert found.form < -Weights().unfinished
    assert found.total == pytest.approx(sum(found.parts.values()))


def test_what_was_planned_is_to_be_well_put() -> None:
    """Told what to say, a likely line is a fluent one; told nothing, it is a common one."""
    planned = Scorer(["dog"], 1, LEXICON, plan=(LinePlan(("dog",), "sea"),))
    found = planned.score(Sample("the dog is in the sea", True, False, 0.5))
    assert found.likelihood == -0.5 * Weights().fluency
    assert found.plan == Weights().plan
    # Two words that were not planned, and one of them stands for nobody.
    more = planned.score(Sample("the dog has seen them sing in the sea", True, False, 0.5))
    assert more.plan < found.plan / 2


def test_rhymes_that_were_asked_for_count() -> None:
    rhymed = Sample("i saw the light\nand then the night", True, False, 1.0)
    same = Sample("i saw the light\nand then the light", True, False, 1.0)
    scorer = Scorer([], 2, LEXICON, scheme="AABB")
    assert scorer.score(rhymed).rhyme == Weights().rhyme
    assert scorer.score(same).rhyme == 0
    assert Scorer([], 2, LEXICON).score(rhymed).rhyme == 0


def test_lines_far_from_the_syllables_that_were_asked_for_lose() -> None:
    short = Sample("the sea\nthe sea is wide and i am far from home", True, False, 0.9)
    even = Sample("the sea is wide and i am\nso very far from my home", True, False, 0.9)
    scorer = Scorer([], 2, LEXICON, syllables=(7, 7))
    assert scorer.score(even).evenness > scorer.score(short).evenness


def ended(word: str, nats: float, text: str = "the sea is wide") -> Sample:
    return Sample(text, True, False, 1.0, ((word, nats),))


def test_a_last_word_that_nothing_leads_to_loses() -> None:
    scorer = Scorer([], 1, LEXICON)
    rarity = LEXICON.rarity("will")
    assert (
        scorer.score(ended("will", rarity - 5)).endings
        == scorer.score(ended("will", rarity - 1)).endings
        == 0
    )
    assert scorer.score(ended("will", rarity + 1)).endings == pytest.approx(-2 * Weights().ending)
    # A rare word costs more wherever it stands.
    assert scorer.score(ended("waterfall", rarity + 1)).endings == 0
    assert scorer.score(ended("'tis", LEXICON.rarity("tis") - 1)).endings == 0
    # A word that is out of place in one line of two counts half, and nothing counts beyond measure.
    two = Sample("a\nb", True, False, 1.0, (("sea", 0.0), ("sea", 99.0)))
    assert scorer.score(two).endings == -2 * Weights().ending


def test_words_that_songs_seldom_sing_are_novel() -> None:
    worn = Sample("the light of day is on the sea", True, False, 1.0)
    fresh = Sample("the lamp of dusk is on the reeds", True, False, 1.0)
    scorer = Scorer([], 1, LEXICON)
    assert scorer.score(fresh).novelty > scorer.score(worn).novelty > 0
    # What was asked for is nobody's find.
    assert Scorer(["lamp", "dusk", "reed"], 1, LEXICON).score(fresh).novelty == 0
    assert preferred([worn, fresh], []) is fresh


@pytest.mark.parametrize(
    ("echo", "plain"),
    [
        ("the hill among the summer hills", "the hill among the summer gardens"),
        ("i saw the world\nand all the world", "i saw the world\nand all the land"),
        ("i saw her eyes\nwith my own eye", "i saw her eyes\nwith my own hand"),
        ("come to me\nand sing to me", "come to me\nand sing for her"),
    ],
)
def test_a_word_said_again_in_its_line_or_at_a_line_end_loses(echo: str, plain: str) -> None:
    scorer = Scorer([], 2, LEXICON)
    found = [scorer.score(Sample(text, True, False, 1.0)).repetition for text in (echo, plain)]
    assert found[0] <= found[1] - Weights().echo


def test_a_word_said_again_far_away_is_a_songs_own() -> None:
    far = Sample("the rose is on the hill\nand i have seen her rose again", True, False, 1.0)
    assert Scorer([], 2, LEXICON).score(far).repetition > -Weights().echo


def test_a_lexicon_survives_its_file(tmp_path: Path) -> None:
    # A word that is read in two ways, and one without a vowel.
    sounds = Pronunciations({"read": (1, ("EH D", "IY D")), "dogs": (1, ("AO G Z",)), "hm": (0, ())})
    lexicon = Lexicon({"dogs": Entry(3, "n", "dog", 0.5)}, {"rex": "Rex"}, {"hound": "dog"}, sounds)
    lexicon.save(tmp_path / "lexicon.json.xz")
    loaded = Lexicon.load(tmp_path / "lexicon.json.xz")
    assert loaded == lexicon


def test_a_lexicon_without_sounds_is_of_another_format(tmp_path: Path) -> None:
    old = {"format": 1, "words": {}, "names": {}, "substitutes": {}}
    path = tmp_path / "old.json.xz"
    path.write_bytes(lzma.compress(json.dumps(old).encode()))
    with pytest.raises(BadCheckpoint, match="format 1"):
        Lexicon.load(path)


def test_damaged_and_missing_lexicons_say_so(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        Lexicon.load(tmp_path / "none.json.xz")
    bad = tmp_path / "bad.json.xz"
    bad.write_bytes(b"\xfd7zXZ\x00 and nothing more")
    with pytest.raises(BadCheckpoint, match="damaged"):
        Lexicon.load(bad)
