"""The sampler is tested with small stand-in models: it knows logits, not networks."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.conditioning import Conditioning, ConditioningState
from model.decoding import MAX_LINE, PATIENCE, SURVIVORS, Context, Sample, SamplingJob, compose, sample
from model.lexicon import Entry, Lexicon
from model.rules import Rules, Spelling
from model.sampling import Floats, Ids, Sampling
from model.text import words
from model.vocabulary import EOS, CharVocabulary
from model.wordfilter import Forbidden

VOCABULARY = CharVocabulary()
FREE = Conditioning()


class Uniform:
    """Every symbol is equally likely, but for the end token."""

    def __init__(self, end: float = 0.0) -> None:
        self.end = end
        self.rows: list[int] = []
        self.seen: list[Context] = []

    def start(self, conditionings: Sequence[Conditioning]) -> list[object]:
        return [0] * len(conditionings)

    def resume(self, states: Sequence[object]) -> None:
        self.rows = [int(str(state)) for state in states]

    def step(self, ids: Ids, context: Context) -> Floats:
        assert {len(ids), *map(len, context)} == {len(self.rows)}
        self.rows = [fed + 1 for fed in self.rows]
        self.seen.append(context)
        logits = np.zeros((len(ids), len(VOCABULARY)))
        logits[:, EOS] = self.end
        return logits

    def states(self, rows: Sequence[int]) -> list[object]:
        return [self.rows[number] for number in rows]


def drawn(
    stepper: Uniform,
    seeds: Iterable[int],
    sampling: Sampling,
    conditioning: Conditioning = FREE,
    prompt: str = "",
) -> list[Sample]:
    return sample(stepper, VOCABULARY, SamplingJob(conditioning, list(seeds), sampling, prompt))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 1000))
def test_no_text_is_longer_than_the_limit(limit: int, rows: int, seed: int) -> None:
    sampling = Sampling(1.0, max_characters=limit)
    found = drawn(Uniform(), range(seed, seed + rows), sampling)
    assert all(len(s.text) <= limit for s in found)
    assert all(s.ended != s.cut for s in found)
    assert all(s.ended or len(s.text) == limit for s in found if limit <= MAX_LINE)


def test_the_same_seed_gives_the_same_text_whatever_its_neighbours() -> None:
    alone = drawn(Uniform(), [7], Sampling(1.0))[0]
    among = drawn(Uniform(), [1, 7, 3], Sampling(1.0))[1]
    assert alone == among


def test_only_characters_are_written_and_never_nothing() -> None:
    for found in drawn(Uniform(end=50.0), range(50), Sampling(1.0)):
        assert len(found.text) == 1
        assert found.ended


def test_rows_that_ended_are_not_stepped_on() -> None:
    stepper = Uniform(end=2.0)
    found = drawn(stepper, range(16), Sampling(1.0, max_characters=30))
    assert len({len(s.text) for s in found}) > 1


def test_the_prompt_starts_every_text() -> None:
    for found in drawn(Uniform(), range(4), Sampling(1.0), prompt="kiss me"):
        assert found.text.startswith("kiss me")


def test_nats_are_those_of_temperature_one() -> None:
    found = drawn(Uniform(), [1], Sampling(0.2, max_characters=50))[0]
    # The alphabet and the end token, which only the drawing bars at the beginning.
    assert found.nats == pytest.approx(math.log(len(VOCABULARY.alphabet) + 1))


def test_the_model_is_given_what_is_still_open() -> None:
    """One line fewer after a line end; a keyword is written once the word has ended."""
    conditioning = Conditioning(lines=2, keywords=("kiss",), forms=(frozenset({"kiss", "kisses"}),))
    stepper = Uniform()
    drawn(stepper, [1], Sampling(1.0, max_characters=12), conditioning, prompt="kisses\nme")
    packed = [(context.lines_left[0], context.waiting[0][0]) for context in stepper.seen]
    assert packed[:10] == [(2, 1.0)] * 7 + [(1, 0.0)] * 3


def test_keywords_fall_due_one_after_the_other() -> None:
    stepper = Uniform(end=-50.0)
    forms = (frozenset({"kiss"}), frozenset({"rose"}))
    drawn(stepper, range(20), Sampling(1.0), Conditioning(lines=4, keywords=("kiss", "rose"), forms=forms))
    for context in stepper.seen:
        second = context.waiting[:, 1] == 1
        assert (context.lines_left[second] <= 2).all()
        assert (context.waiting[context.lines_left > 1, 0] == 1).all()
    assert any((context.waiting[:, 1] == 1).any() for context in stepper.seen)


def test_a_longer_word_is_not_the_keyword() -> None:
    progress = ConditioningState(Conditioning(keywords=("sea",), forms=(frozenset({"sea"}),)))
    for character in "the season, ":
        progress.add(character)
    assert progress.waiting == (True,)
    for character in "sea-green":
        progress.add(character)
    assert progress.waiting == (False,)


def test_a_fork_of_the_progress_goes_on_by_itself() -> None:
    one = ConditioningState(Conditioning(lines=2, keywords=("sea",), forms=(frozenset({"sea"}),)))
    for character in "the ":
        one.add(character)
    other = one.fork()
    for character in "sea\n":
        other.add(character)
    assert (one.waiting, one.lines_left, one.words) == ((True,), 2, ("the",))
    assert (other.waiting, other.lines_left, other.words) == ((False,), 1, ("the", "sea"))


def test_no_more_lines_than_asked_for() -> None:
    for found in drawn(Uniform(), range(20), Sampling(1.0), Conditioning(lines=2)):
        assert found.text.count("\n") <= 1
        assert found.ended != found.cut


def test_a_line_that_goes_on_and_on_is_given_up() -> None:
    found = drawn(Uniform(end=-50.0), range(20), Sampling(1.0))
    longest = [max(map(len, one.text.split("\n"))) for one in found]
    assert max(longest) == MAX_LINE + 1
    assert all(one.cut for one, length in zip(found, longest, strict=True) if length > MAX_LINE)


def test_a_long_last_line_waits_for_no_keyword() -> None:
    stepper = Uniform(end=-50.0)
    kiss = Conditioning(lines=1, keywords=("kiss",), forms=(frozenset({"kiss"}),))
    drawn(stepper, range(20), Sampling(1.0), kiss)
    waiting = [context.waiting[:, 0].max() for context in stepper.seen]
    assert waiting[:PATIENCE] == [1.0] * PATIENCE
    assert not any(waiting[PATIENCE:])


def liking(letter: str) -> Callable[[Sequence[Sample]], list[float]]:
    return lambda found: [one.text.count(letter) / len(one.text) for one in found]


def composed(seeds: Sequence[int], letter: str = "e", lines: int = 3) -> list[Sample]:
    job = SamplingJob(Conditioning(lines=lines), seeds, Sampling(1.0))
    return compose(Uniform(-3.0), VOCABULARY, [(job, liking(letter))])[0]


def test_composing_finds_more_of_what_is_liked_than_drawing() -> None:
    score = liking("e")
    trials = [range(16 * n, 16 * n + 16) for n in range(20)]
    whole = [
        max(score(drawn(Uniform(-3.0), seeds, Sampling(1.0), Conditioning(lines=3)))) for seeds in trials
    ]
    best = [score(composed(seeds))[0] for seeds in trials]
    assert sum(best) > 1.2 * sum(whole)


class Forked(Uniform):
    """After a space one word, then the end: "sa", "se" or "so", together likelier than "th" alone."""

    def step(self, ids: Ids, context: Context) -> Floats:
        super().step(ids, context)
        logits = np.full((len(ids), len(VOCABULARY)), -40.0)
        after = {"s": {"a": 1 / 3, "e": 1 / 3, "o": 1 / 3}, "t": {"h": 1.0}}
        for row, number in enumerate(ids):
            start = {"s": 0.6, "t": 0.4}
            character = VOCABULARY.tokens[number]
            for letter, share in (start if character == " " else after.get(character, {})).items():
                logits[row, VOCABULARY.encode(letter)[0]] = np.log(share)
            if character in tuple("aeoh"):
                logits[row, EOS] = 0.0
        return logits


def test_the_temperature_is_that_of_words() -> None:
    """ "th" has 0.4 and no other word more than 0.2, though "s" is the likelier beginning."""
    jobs = [
        (SamplingJob(Conditioning(lines=1), range(16 * n, 16 * n + 16), Sampling(0.3), "so "), liking("x"))
        for n in range(40)
    ]
    by_words = [one.text for found in compose(Forked(), VOCABULARY, jobs) for one in found]
    by_characters = [one.text for one in drawn(Forked(), range(640), Sampling(0.3), prompt="so ")]
    assert by_words.count("so th") / len(by_words) > 0.7
    assert by_characters.count("so th") / len(by_characters) < 0.3


def test_composed_stanzas_are_finished_and_the_best_comes_first() -> None:
    found = composed(range(8))
    assert 1 <= len(found) <= 8
    assert all(one.ended != one.cut for one in found)
    scores = liking("e")(found)
    assert scores == sorted(scores, reverse=True)


def test_only_the_best_beginnings_are_gone_on_with() -> None:
    beginnings = {one.text.split("\n")[0] for one in composed(range(16))}
    assert 1 <= len(beginnings) <= SURVIVORS


def test_a_composed_stanza_does_not_depend_on_its_neighbours() -> None:
    jobs = [
        (SamplingJob(Conditioning(lines=n), [n, 7], Sampling(0.5 + n / 10), "so " * n), liking("a"))
        for n in (1, 2, 3)
    ]
    together = compose(Uniform(), VOCABULARY, jobs)
    assert together == [compose(Uniform(), VOCABULARY, [job])[0] for job in jobs]


class Obliging(Uniform):
    """Asked for a length, a rhyme or a keyword, it likes an "e"; otherwise all symbols are alike."""

    def step(self, ids: Ids, context: Context) -> Floats:
        logits = super().step(ids, context)
        asked = (context.syllables > 0) | (context.rhyme > 0) | (context.waiting.sum(1) > 0)
        logits[asked, VOCABULARY.ids["e"]] = 2.0
        return logits


def test_a_last_word_is_weighed_as_if_nothing_had_been_asked_for() -> None:
    conditioning = Conditioning(lines=2, syllables=(4, 4), keywords=("xyz",), forms=(frozenset({"xyz"}),))
    [found] = compose(
        Obliging(-3.0), VOCABULARY, [(SamplingJob(conditioning, range(16), Sampling(1.0)), liking("e"))]
    )
    symbol = math.log(len(VOCABULARY) - EOS - 1 + math.exp(-3.0))
    whole = [one for one in found if one.ended and len(one.endings) == one.text.count("\n") + 1]
    assert whole
    for one in whole:
        lines = one.text.split("\n")
        for number, ((word, nats), line) in enumerate(zip(one.endings, lines, strict=True), start=1):
            assert line.rstrip(" ,.;:!?-").endswith(word)
            # Behind the last word stands the end token, which is less likely than a line end.
            over = number == len(lines) and line.endswith(word)
            assert nats == pytest.approx((len(word) + 1) * symbol + 3.0 * over)


def test_the_last_word_of_a_prompt_is_not_weighed() -> None:
    job = SamplingJob(Conditioning(lines=1), range(16), Sampling(1.0), "so long")
    [found] = compose(Uniform(1.0), VOCABULARY, [(job, liking("e"))])
    given = [one for one in found if words(one.text)[-1].startswith("long")]
    assert given
    assert all(one.endings == () for one in given)


class Counting(Forked):
    """Forked, and says how many rows it was given at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def step(self, ids: Ids, context: Context) -> Floats:
        self.given.append(len(ids))
        return super().step(ids, context)


def test_rows_with_the_same_text_share_a_step() -> None:
    """Two beginnings and four words are all that there is."""
    stepper = Counting()
    found = drawn(stepper, range(200), Sampling(1.0), prompt="so ")
    assert {one.text for one in found} == {"so sa", "so se", "so so", "so th"}
    prompt, first, *others = stepper.given[2:]
    assert (prompt, first) == (1, 1)
    assert others == [2, 4]


def test_rows_of_two_jobs_never_share_a_step() -> None:
    stepper = Counting()
    jobs = [(SamplingJob(Conditioning(lines=1), range(16), Sampling(0.3), "so "), liking("x"))] * 2
    compose(stepper, VOCABULARY, jobs)
    assert max(stepper.given) <= 8
    assert stepper.given[-1] >= 2


def test_sharing_a_step_changes_no_text() -> None:
    together = drawn(Forked(), range(40), Sampling(1.0), prompt="so ")
    assert together == [drawn(Forked(), [seed], Sampling(1.0), prompt="so ")[0] for seed in range(40)]


def test_a_line_to_stop_after_is_the_last() -> None:
    job = SamplingJob(Conditioning(lines=4), range(16), Sampling(1.0), "so\nme\n", stop=3)
    [found] = compose(Uniform(-50.0), VOCABULARY, [(job, liking("e"))])
    assert {one.text.count("\n") for one in found if one.ended} == {2}
    assert any(one.ended for one in found)


# All words of one syllable, so that a line of three has one to five of them.
WORDS = Lexicon({word: Entry(500, "n", word, 0.0) for word in ("cat", "dog", "sea", "sun")}, {}, {})


def ruled(forbidden: Collection[str], seeds: Sequence[int]) -> tuple[SamplingJob, Callable[..., list[float]]]:
    """One line of known words. A row that has spelled a forbidden one has nowhere to go."""
    conditioning = Conditioning(lines=1, syllables=(3,), sounds=WORDS.sounds)
    rules = Rules(Spelling(WORDS, VOCABULARY), conditioning, Forbidden(frozenset(forbidden)))
    return SamplingJob(conditioning, seeds, Sampling(1.0), rules=rules), likely


def likely(found: Sequence[Sample]) -> list[float]:
    return [-one.nats for one in found]


def test_rows_that_run_into_a_dead_end_are_replaced() -> None:
    """Of rows alone one word in four is the last; a row dies only with its particle group."""
    hard = ruled(["cat"], range(64))
    alone = sample(Uniform(), VOCABULARY, hard[0])
    [found] = compose(Uniform(), VOCABULARY, [hard])
    assert len(found) == 64
    assert sum(math.isinf(one.nats) for one in alone) > 20
    assert sum(math.isinf(one.nats) for one in found) < 5
    assert all(one.ended == math.isfinite(one.nats) for one in found)
    written = {part for one in found if one.ended for part in words(one.text.replace("-", " "))}
    assert written == {"dog", "sea", "sun"}


def test_a_job_of_which_nothing_comes_leaves_its_neighbours_alone() -> None:
    hopeless, easy = ruled(WORDS.entries, range(16)), ruled((), range(16))
    nothing, found = compose(Uniform(), VOCABULARY, [hopeless, easy])
    assert all(math.isinf(one.nats) and one.cut and not one.ended for one in nothing)
    assert [found] == compose(Uniform(), VOCABULARY, [easy])
    assert all(one.ended for one in found)


def test_a_particle_group_of_which_nothing_comes_leaves_the_others_alone() -> None:
    """Among so many rows of eight there are some that all spell the forbidden words."""
    [found] = compose(Uniform(), VOCABULARY, [ruled(["cat", "dog", "sea"], range(256))])
    dead = [math.isinf(one.nats) for one in found]
    assert 0 < sum(dead) < len(found)
    # The dead come last.
    assert dead == sorted(dead)
    assert {part for one in found if one.ended for part in words(one.text.replace("-", " "))} == {"sun"}
