"""From a wish to what the sampler draws, and what its candidates are scored against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from model.decoding import Job, Sample
from model.keywords import used
from model.lexicon import Lexicon
from model.novelty import Novelty
from model.ranking import Aim, Candidate, Weights
from model.rhyme import FREE, MAX_SYLLABLES, last_word, partner, rhyme_bucket
from model.rules import Rules, Spelling
from model.steering import Steering
from model.text import IN_WORD, LETTERS, NEWLINE, words
from model.wish import MOST_SYLLABLES, Wish
from model.wordfilter import Forbidden

# Where no scheme is asked for, the generator is told of this one and the score likes it, but
# nothing is barred: the stanza rhymes where that is cheap.
HINTED = "AABB"
# Syllables of a line where no number is asked for, and how often: those that songs have most.
_SYLLABLES = {6: 0.25, 7: 0.25, 8: 0.5}
# Beside the random numbers of its attempts, a wish has one for its form.
_FORM = 10**6


class Tools(NamedTuple):
    """What all tasks of a generator share."""

    lexicon: Lexicon
    spelling: Spelling
    weights: Weights
    novelty: Novelty | None = None


@dataclass(frozen=True)
class Task:
    """Candidates to draw.

    Attributes:
        job: how.
        aim: what they are scored against.
        after: folded lines that follow what is drawn.
        unlike: the stanza that another one is to replace, "" for none.
    """

    job: Job
    aim: Aim
    after: tuple[str, ...] = ()
    unlike: str = ""

    def bars(self, candidate: Candidate) -> bool:
        """Whether the lines after what was drawn make the stanza one that may not be."""
        rules = self.job.rules
        return candidate.text == self.unlike or bool(self.after and rules and rules.bars(candidate.text))

    def rate(self, samples: Sequence[Sample]) -> list[float]:
        """Total scores of candidates, finished or not."""
        # Many rows have the same text.
        scores = {one: self.candidate(one).score.total for one in set(samples)}
        return [scores[one] for one in samples]

    def candidate(self, sample: Sample) -> Candidate:
        """The stanza that a drawn text makes, and its score."""
        text = without_torn_end(sample.text) if sample.cut else sample.text
        if self.after:
            text = NEWLINE.join([text.strip(NEWLINE), *self.after])
        return Candidate(text, self.aim.score(replace(sample, text=text)), sample.ended)


def stanza_task(
    tools: Tools, keywords: Sequence[str], wish: Wish, attempt: int = 0, bound: bool = True
) -> Task:
    """A whole stanza.

    Args:
        tools: word table, spelling and weights.
        keywords: lemmas that steer.
        wish: what the stanza should be like.
        attempt: 0, or more where earlier ones came to nothing.
        bound: whether a scheme that was asked for is kept, or only liked.
    """
    steering = _steering(tools, keywords, wish)
    seeds = _seeds(wish.random_seed, attempt, wish.candidates)
    rules = _rules(tools, wish, steering, bound)
    return Task(Job(steering, seeds, wish.sampling, wish.seed, rules), _aim(tools, keywords, wish, steering))


def line_task(
    tools: Tools,
    keywords: Sequence[str],
    wish: Wish,
    lines: Sequence[str],
    rewritten: tuple[int, int],
    attempt: int = 0,
    bound: bool = True,
) -> Task:
    """Another line for one of a stanza's folded lines.

    Args:
        tools: word table, spelling and weights.
        keywords: lemmas of the stanza.
        wish: the stanza's.
        lines: the stanza.
        rewritten: the line, from 1 (the last one where there are fewer), and its random seed.
        attempt: 0, or more where earlier ones came to nothing.
        bound: as in ``stanza_task``.
    """
    number, random_seed = min(rewritten[0], len(lines)) - 1, rewritten[1]
    before, after = lines[:number], tuple(lines[number + 1 :])
    ends = {place: last_word(line) for place, line in enumerate(lines) if place > number}
    whole = _steering(tools, keywords, wish)
    rules = replace(_rules(tools, wish, whole, bound), ends=ends)
    lost = [word for word in keywords if not used([word], NEWLINE.join([*before, *after]), tools.lexicon)]
    # The line is told the rhyme of a later one, as it would be that of an earlier one.
    later = (place for place in ends if partner(whole.scheme, place) == number)
    heard = [tools.lexicon.sounds.classes(ends[place]) for place in later]
    steering = replace(
        whole,
        keywords=tuple(lost),
        forms=tuple(map(tools.lexicon.forms, lost)),
        rhymes=(*[0] * number, rhyme_bucket(heard[0][0])) if heard and heard[0] else (),
    )
    prime = NEWLINE.join([*before, ""]) if before else wish.seed
    seeds = _seeds(random_seed, attempt, wish.candidates)
    job = Job(steering, seeds, wish.sampling, prime, rules, stop=number + 1)
    return Task(job, _aim(tools, keywords, wish, whole), after, NEWLINE.join(lines))


def _steering(tools: Tools, keywords: Sequence[str], wish: Wish) -> Steering:
    asked = Steering.of(keywords, tools.lexicon, wish.style, wish.mood, wish.lines)
    return replace(asked, syllables=_syllables(tools, wish), scheme=wish.scheme or HINTED)


def _rules(tools: Tools, wish: Wish, steering: Steering, bound: bool = True) -> Rules:
    parts = [part for word in words(wish.seed) for part in word.split("-")]
    unknown = [part for part in parts if part not in tools.spelling]
    spelling = tools.spelling.extended(unknown) if unknown else tools.spelling
    kept = steering if wish.scheme and bound else replace(steering, scheme=FREE)
    # What is no word may be the beginning of one.
    whole = wish.seed[-1:] in IN_WORD and parts[-1] in tools.spelling
    return Rules(spelling, kept, Forbidden(wish.forbidden), tools.novelty, seed=wish.seed, whole=whole)


def _aim(tools: Tools, keywords: Sequence[str], wish: Wish, steering: Steering) -> Aim:
    return Aim(
        keywords, wish.lines, tools.lexicon, wish.mood, steering.scheme, steering.syllables, tools.weights
    )


def _syllables(tools: Tools, wish: Wish) -> tuple[int, ...]:
    """Syllables of each line; a long seed makes room for itself."""
    begun = tools.lexicon.sounds.spoken(wish.seed)
    counts = np.array(list(_SYLLABLES))
    drawn = np.random.default_rng([wish.random_seed, _FORM]).choice(counts, p=list(_SYLLABLES.values()))
    count = wish.syllables or min(MOST_SYLLABLES, max(int(drawn), begun + 2))
    # A line that is too long to be counted may have any number.
    first = max(count, begun) if begun <= MAX_SYLLABLES else 0
    return (first, *[count] * (wish.lines - 1))


def _seeds(random_seed: int, attempt: int, count: int) -> list[int]:
    source = np.random.SeedSequence([random_seed, attempt] if attempt else random_seed)
    return [int(seed) for seed in source.generate_state(count)]


def without_torn_end(text: str) -> str:
    """Drop what a limit cut through: the last line, or the last word of a single line."""
    whole, newline, _ = text.rpartition(NEWLINE)
    if newline and any(c in LETTERS for c in whole):
        return whole
    words, space, _ = text.rpartition(" ")
    return words if space and any(c in LETTERS for c in words) else text
