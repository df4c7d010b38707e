"""From a request to what the sampler draws, and what its candidates are scored against."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from model.agreement import strangers
from model.conditioning import DEFAULT_TEMPERATURE, MODERN, Conditioning
from model.decoding import PARTICLE_GROUP, Sample, SamplingJob
from model.keywords import used
from model.known_lines import KnownLines
from model.lexicon import Lexicon
from model.novelty import Novelty
from model.plan import COMMONPLACE, MAX_INNER, LinePlan, Plan, outline, plan_of, planned_words, whole_line
from model.planbook import OTHER_LINES, Near, PlanBook
from model.planner import Brief, Draft, Planner
from model.ranking import Candidate, Scorer, Weights
from model.reader import Reader
from model.request import MOST_SYLLABLES, GenerationRequest
from model.rhyme import FREE, MAX_SYLLABLES, last_word, partner, rhyme_bucket
from model.rules import Rules, Spelling
from model.sampling import Sampling
from model.text import IN_WORD, LETTERS, NEWLINE, words
from model.thoughts import Thoughts
from model.wordfilter import Forbidden

# Where no scheme is asked for, the generator is told of this one and the score likes it, but
# nothing is barred: the stanza rhymes where that is cheap.
HINTED = "AABB"
# Syllables of a line where no number is asked for and nothing is planned, and how often: those that
# songs have most.
_SYLLABLES = {6: 0.25, 7: 0.25, 8: 0.5}
# Of a line's syllables so many are its planned words', as in people's stanzas: four fifths and a little.
# A longer line is padded out with words that say nothing, a shorter one has no room for its grammar.
_PLANNED_SHARE, _PLANNED_MORE = 0.8, 0.5
# What each syllable by which a plan's lines miss that, or what was asked for, costs it, on average, in nats
# a word.
_MISFIT = 0.3
# Beside the random numbers of its attempts, a request has one for its form and one for its plans.
_FORM, _PLAN = 10**6, 10**6 + 1
# Words of a caption that steer where nothing is planned. More crowd a stanza of four lines: each line
# then bends around one.
FROM_CAPTION = 2
# A prompt of more syllables leaves no room for a plan of its line.
_LONGEST_PROMPT = 6
# People's plans that are looked at, and plans drawn where none of those has enough of the keywords; as many
# are followed as there are twelves of candidates.
NEAR, DRAFTS = 160, 48
# Candidates of a request for each plan that is followed; eight are drawn. A fifth plan hardly ever wins.
_A_PLAN = 12
# Attempts with a plan: where nothing comes of two, a stanza without one still rhymes as was asked for.
_PLANNED = 2
# Candidates for one with every word of every line: they differ in their stops alone.
_WHOLE = 4
# Shares of the keywords that people's plans should have, and whether they are to leave nothing open, each
# where none is like the one before: a plan that a person had is a scene as hardly any drawn one is, even
# about less of what is told.
_ENOUGH = ((0.7, True), (0.7, False), (0.5, True), (0.5, False), (0.0, True), (0.0, False))
# Share of those that chance leaves to be weighed, and how many at least: the best of all of them would
# be followed by every picture of a cat.
_WEIGHED, _FEW = 0.4, 4
# What it is worth to name one of them in the first line, in nats a word.
_OPENING = 0.7
# Any picture may be told so: a plan that does, unasked, costs so much, in nats a word.
_STALE = 1.0
# How much chance has a part in which of people's plans are followed, in nats a word at the usual
# temperature, and more at a higher one.
_CHANCE = 2.0
# What it is worth to have another word than its person in every line: where nothing is exchanged, the
# generator has to find another way to say the same, in the same.
_ANOTHER = 16.0
# So much less counts a line that is another one only in how it is joined to the one before.
_JOINED = 0.5
# What it is worth that its person's stanza is especially good, in the same.
_LIKED = 1.5
# What a pronoun costs a plan that stands for nobody in it, in nats a word.
_DISAGREEMENT = 0.3
# How much more than a drawn plan's it counts how likely a person's stanza is: readers stumble least over
# what the generator, told nothing, finds likely.
_LIKELY = 4.0
# What it is worth to name all keywords, in the same.
_TOLD = 4.0
# What a plan's nearness to what is told of the picture is worth, in the same.
_NEAR = 24.0
# What a nat of a reader's log-odds is worth, in the same.
_PLAN_SENSE = 0.8
# Planned words are drawn warmer, between these where the stanza's temperature is between 0 and 1:
# a plan leaves little open, and what is likeliest there is often what a person wrote, which is barred.
_WARM, _WARMER = 0.6, 1.1
# Plans are drawn at a temperature between this and 1 where the stanza's is between 0 and 1.
_COOLEST = 0.4


class Tools(NamedTuple):
    """What all jobs of a generator share."""

    lexicon: Lexicon
    spelling: Spelling
    weights: Weights
    novelty: Novelty | None = None
    planner: Planner | None = None
    reader: Reader | None = None
    lines: KnownLines | None = None
    plan_reader: Reader | None = None
    thoughts: Thoughts | None = None
    planbook: PlanBook | None = None


@dataclass(frozen=True)
class ScoredJob:
    """Candidates to draw.

    Attributes:
        job: how.
        scorer: what they are scored against.
        after: folded lines that follow what is drawn.
        unlike: the stanza that another one is to replace, "" for none.
        reader: says how much sense candidates make, or None.
    """

    job: SamplingJob
    scorer: Scorer
    after: tuple[str, ...] = ()
    unlike: str = ""
    reader: Reader | None = None

    def bars(self, candidate: Candidate) -> bool:
        """Whether the lines after what was drawn make the stanza one that may not be."""
        rules = self.job.rules
        return candidate.text == self.unlike or bool(self.after and rules and rules.bars(candidate.text))

    def rate(self, samples: Sequence[Sample]) -> list[float]:
        """Total scores of candidates, finished or not."""
        # Many rows have the same text.
        distinct = list(dict.fromkeys(samples))
        scores = {
            sample: one.score.total for sample, one in zip(distinct, self.candidates(distinct), strict=True)
        }
        return [scores[one] for one in samples]

    def candidates(self, samples: Sequence[Sample]) -> list[Candidate]:
        """The stanzas that drawn texts make, and their scores."""
        texts = [self._stanza(sample) for sample in samples]
        senses = [0.0] * len(texts)
        if self.reader and texts:
            senses = self.reader.scores(
                [self.scorer.keywords] * len(texts), [t.strip(NEWLINE) for t in texts]
            )
        return [
            Candidate(
                text,
                self.scorer.score(replace(sample, text=text), sense),
                sample.ended,
                self.scorer.plan,
                sample.nats,
            )
            for text, sample, sense in zip(texts, samples, senses, strict=True)
        ]

    def _stanza(self, sample: Sample) -> str:
        text = without_torn_end(sample.text) if sample.cut else sample.text
        return NEWLINE.join([text.strip(NEWLINE), *self.after]) if self.after else text


def stanza_jobs(
    tools: Tools, keywords: Sequence[str], request: GenerationRequest, attempt: int = 0, bound: bool = True
) -> list[ScoredJob]:
    """A whole stanza: a job for each plan that it may follow, or one without a plan.

    Args:
        tools: word table, spelling, weights and planner.
        keywords: lemmas that steer.
        request: what the stanza should be like.
        attempt: 0, or more where earlier ones came to nothing.
        bound: whether a scheme that was asked for and a plan are kept, or only liked.
    """
    conditioning = _conditioning(tools, keywords, request)
    plans = _plans(tools, keywords, request, conditioning, attempt) if bound and attempt < _PLANNED else []
    if not plans:
        keywords = keywords if request.prompt else keywords[:FROM_CAPTION]
        conditioning = _conditioning(tools, keywords, request)
        return [_stanza_job(tools, keywords, request, conditioning, attempt, bound, request.candidates)]
    each = min(PARTICLE_GROUP, request.candidates // len(plans))
    return [
        _stanza_job(
            tools,
            keywords,
            request,
            _planned(tools, request, conditioning, draft),
            attempt,
            bound,
            min(each, _WHOLE) if _is_whole(draft) else each,
            draft.worth,
        )
        for draft in plans
    ]


def _stanza_job(
    tools: Tools,
    keywords: Sequence[str],
    request: GenerationRequest,
    conditioning: Conditioning,
    attempt: int,
    bound: bool,
    candidates: int,
    worth: float = 0.0,
) -> ScoredJob:
    seeds = _seeds(request.seed, attempt, candidates)
    rules = _rules(tools, request, conditioning, bound)
    job = SamplingJob(conditioning, seeds, _warmed(request, conditioning), request.prompt, rules)
    scorer = replace(_scorer(tools, keywords, request, conditioning), worth=worth)
    return ScoredJob(job, scorer, reader=tools.reader)


def _plans(
    tools: Tools,
    keywords: Sequence[str],
    request: GenerationRequest,
    conditioning: Conditioning,
    attempt: int,
) -> list[Draft]:
    """The plans that are worth following, the best first; none where nobody plans."""
    if tools.planner is None or not _may_plan(tools, request):
        return []
    random = np.random.default_rng([request.seed, _PLAN, attempt])
    brief = Brief(tuple(keywords), request.style, request.mood, request.lines, conditioning.scheme)
    groups = max(1, request.candidates // _A_PLAN)
    for persons in _persons(tools, brief, request, random, again=attempt > 0):
        if best := _best(tools, keywords, request, persons, groups):
            return best
    drafts = tools.planner.draw(brief, DRAFTS, _coolness(request), random, request.forbidden)
    # A plan without any of the keywords would leave them unsaid: then it is better to have none.
    told = [draft for draft in drafts if not keywords or _told(draft, keywords, tools.lexicon)]
    return _best(tools, keywords, request, told, groups)


def _persons(
    tools: Tools, brief: Brief, request: GenerationRequest, random: np.random.Generator, again: bool
) -> Iterator[list[Draft]]:
    """Plans that people had: those that have most of the keywords and leave least open first.

    What has no room in a plan the generator would make up: stanzas with longer lines are left out. Where
    nothing came of them, ``again`` those that leave nothing open come before all others.
    """
    if tools.planbook is None:
        return
    near = tools.planbook.near(brief, NEAR, random)
    chance = _CHANCE * request.sampling.temperature / DEFAULT_TEMPERATURE
    luck = chance * random.gumbel(size=len(near))
    kept = [
        (one, float(more))
        for one, more in zip(near, luck, strict=True)
        if request.forbidden.isdisjoint(words(NEWLINE.join(one.lines)))
        and sum(one.changed) >= min(OTHER_LINES, brief.lines)
        and not _says_known(tools, one)
        and not _is_stuck(one)
        and all(len(words(line)) <= MAX_INNER + 1 for line in one.lines)
    ]
    drafts = [
        Draft(one.plan, one.nats, more + _liking(tools, brief, one), one.syllables, one.lines)
        for one, more in kept
    ]
    told = [_told(draft, brief.keywords, tools.lexicon) for draft in drafts]
    for least, whole in sorted(_ENOUGH, key=lambda one: not one[1]) if again else _ENOUGH:
        found = [
            draft
            for draft, share, (one, _) in zip(drafts, told, kept, strict=True)
            if share >= least and all(one.changed) >= whole
        ]
        chosen = random.permutation(len(found))[: max(_FEW, round(_WEIGHED * len(found)))]
        yield [found[number] for number in sorted(chosen)]


def _liking(tools: Tools, brief: Brief, near: Near) -> float:
    """What an adapted plan is worth beside its words, in nats a word."""
    opens = bool(used(brief.keywords, near.lines[0], tools.lexicon))
    another = _ANOTHER * (sum(near.changed) - _JOINED * near.joined) / brief.lines
    return another + _OPENING * opens + _LIKED * near.liked - _LIKELY * near.nats


def _is_stuck(near: Near) -> bool:
    """Whether a line that is still its person's has nothing open: it cannot be another one, as it has to."""
    return any(
        not changed and planned == whole_line(line)
        for planned, line, changed in zip(near.plan, near.lines, near.changed, strict=True)
    )


def _says_known(tools: Tools, near: Near) -> bool:
    """Whether a line with other words is another person's."""
    adapted = [line for line, changed in zip(near.lines, near.changed, strict=True) if changed]
    return tools.lines is not None and any(line in tools.lines for line in adapted)


def _best(
    tools: Tools, keywords: Sequence[str], request: GenerationRequest, drafts: Sequence[Draft], count: int
) -> list[Draft]:
    """Those that are worth following, so many, the best first."""
    drafts = [one for one in drafts if one.plan and all(line.end in tools.spelling for line in one.plan)]
    senses = _senses(tools, keywords, drafts)
    nearness = _nearness(tools, keywords, request.style, drafts)
    worth = [
        _promise(draft, keywords, tools.lexicon)
        + _PLAN_SENSE * sense
        + _NEAR * near
        - _MISFIT * _missing(tools, draft, request)
        for draft, sense, near in zip(drafts, senses, nearness, strict=True)
    ]
    most = max(worth, default=0.0)
    weighed = [replace(draft, worth=float(one - most)) for draft, one in zip(drafts, worth, strict=True)]
    ranked = sorted(weighed, key=lambda draft: -draft.worth)
    return list(islice((one for one in ranked if not _is_hindered(tools, request, one)), count))


def _is_hindered(tools: Tools, request: GenerationRequest, draft: Draft) -> bool:
    """Whether a person's adapted lines may not be written: the writer would turn aside in a word's middle."""
    rules = Rules(tools.spelling, Conditioning(plan=draft.plan), Forbidden(request.forbidden), tools.novelty)
    return bool(draft.lines) and rules.hinders(NEWLINE.join(draft.lines))


def _senses(tools: Tools, keywords: Sequence[str], drafts: Sequence[Draft]) -> Sequence[float]:
    """How much sense plans make: people's, with every word, to the reader of stanzas, others to the other."""
    found = [0.0] * len(drafts)
    for reader, whole in ((tools.reader, True), (tools.plan_reader, False)):
        places = [place for place, draft in enumerate(drafts) if bool(draft.lines) == whole]
        if reader and places:
            texts = [NEWLINE.join(drafts[place].text) for place in places]
            for place, sense in zip(places, reader.scores([keywords] * len(places), texts), strict=True):
                found[place] = sense
    return found


def _missing(tools: Tools, draft: Draft, request: GenerationRequest) -> float:
    """Syllables by which a plan's lines miss what was asked for, or what suits it, on average."""
    if not draft.syllables:
        return _misfit(tools, draft.plan, request.syllables or _suiting(tools, draft.plan))
    asked = request.syllables
    return sum(abs(count - asked) for count in draft.syllables) / len(draft.syllables) if asked else 0.0


def _nearness(tools: Tools, keywords: Sequence[str], style: str, drafts: Sequence[Draft]) -> Sequence[float]:
    """How near each plan's vector is to that of the keywords, shifted to the style; cosines."""
    if not (tools.thoughts and keywords and drafts):
        return [0.0] * len(drafts)
    wanted = tools.thoughts.shifted(" ".join(keywords), style)
    vectors = tools.thoughts.encode([NEWLINE.join(draft.text) for draft in drafts])
    nearness: list[float] = (vectors @ wanted / max(float(np.linalg.norm(wanted)), 1e-9)).tolist()
    return nearness


def _may_plan(tools: Tools, request: GenerationRequest) -> bool:
    """Whether there are plans of that style, and a prompt leaves room for one."""
    return request.style in MODERN and tools.lexicon.sounds.spoken(request.prompt) <= _LONGEST_PROMPT


def _coolness(request: GenerationRequest) -> float:
    return _COOLEST + (1 - _COOLEST) * request.sampling.temperature


def _promise(draft: Draft, keywords: Sequence[str], lexicon: Lexicon) -> float:
    """What a plan is worth: likely, likelier for these keywords than for others, with them, and agreeing."""
    said_in_order = words(NEWLINE.join(draft.text))
    wrong = strangers(said_in_order, lexicon)
    packed = _TOLD * _told(draft, keywords, lexicon)
    said = set(map(lexicon.lemma, said_in_order))
    stale = bool((said & COMMONPLACE) - set(keywords))
    return draft.gain - draft.nats + packed - _DISAGREEMENT * wrong - _STALE * stale


def _told(draft: Draft, keywords: Sequence[str], lexicon: Lexicon) -> float:
    """The share of the keywords that a plan has."""
    return len(used(keywords, " ".join(planned_words(draft.plan)), lexicon)) / max(1, len(keywords))


def _is_whole(draft: Draft) -> bool:
    """Whether a plan leaves nothing but stops open."""
    return draft.plan == tuple(map(whole_line, draft.lines))


def _planned(
    tools: Tools, request: GenerationRequest, conditioning: Conditioning, draft: Draft
) -> Conditioning:
    """The same, with a plan and the syllables that suit it; what is not in it is not waited for."""
    plan = _after_prompt(draft.plan, request.prompt)
    words = " ".join(planned_words(plan))
    kept = tuple(used(conditioning.keywords, words, tools.lexicon))
    forms = tuple(map(tools.lexicon.forms, kept))
    syllables = _syllables(tools, request, _suiting(tools, plan))
    if draft.syllables and not (request.syllables or request.prompt):
        syllables = draft.syllables
    return replace(conditioning, plan=plan, keywords=kept, forms=forms, syllables=syllables)


def _suiting(tools: Tools, plan: Plan) -> int:
    """The number of syllables for every line, of those that songs have most, that suits a plan best."""
    return min(_SYLLABLES, key=lambda count: _misfit(tools, plan, count))


def _misfit(tools: Tools, plan: Plan, syllables: int) -> float:
    """Syllables by which the words planned for a line are too many or too few for it, on average."""
    wanted = _PLANNED_SHARE * syllables + _PLANNED_MORE
    counts = [tools.lexicon.sounds.spoken(line) for line in outline(plan)]
    return sum(abs(count - wanted) for count in counts) / len(counts)


def _after_prompt(plan: Plan, prompt: str) -> Plan:
    """A plan whose first line begins with what a person wrote: that takes the place of words of its own."""
    if not prompt:
        return plan
    given = words(prompt)
    room = max(0, MAX_INNER - len(given))
    # Whose words begin the line leaves the little ones to the generator.
    [own] = plan_of(outline(plan[:1]))
    first = [word for word in own.inner if word not in given]
    return (LinePlan(tuple(first[len(first) - min(room, len(first)) :]), own.end), *plan[1:])


def _ends(spelling: Spelling, plan: Plan) -> list[str]:
    """The last words that lines are bound to, "" for any."""
    return [line.end if line.end and line.end in spelling else "" for line in plan]


def line_jobs(
    tools: Tools,
    keywords: Sequence[str],
    request: GenerationRequest,
    lines: Sequence[str],
    rewritten: tuple[int, int],
    attempt: int = 0,
    bound: bool = True,
) -> list[ScoredJob]:
    """Another line for one of a stanza's folded lines: a job for each plan of it, or one without.

    Args:
        tools: word table, spelling and weights.
        keywords: lemmas of the stanza.
        request: the stanza's.
        lines: the stanza.
        rewritten: the line, from 1 (the last one where there are fewer), and its random seed.
        attempt: 0, or more where earlier ones came to nothing.
        bound: as in ``stanza_jobs``.
    """
    number, seed = min(rewritten[0], len(lines)) - 1, rewritten[1]
    before, after = lines[:number], tuple(lines[number + 1 :])
    ends = {place: last_word(line) for place, line in enumerate(lines) if place > number}
    # Planned lines have syllables of their own each: the new one gets those of the one it replaces.
    own = tools.planner is not None and _may_plan(tools, request)
    spoken = tools.lexicon.sounds.spoken(lines[number]) if own else 0
    whole = replace(_conditioning(tools, keywords, request), syllables=_syllables(tools, request, spoken))
    rules = replace(_rules(tools, request, whole, bound), ends=ends)
    lost = [word for word in keywords if not used([word], NEWLINE.join([*before, *after]), tools.lexicon)]
    # The line is told the rhyme of a later one, as it would be that of an earlier one.
    heard = [tools.lexicon.sounds.classes(ends[place]) for place in _alike(whole, ends, number)]
    conditioning = replace(
        whole,
        keywords=tuple(lost),
        forms=tuple(map(tools.lexicon.forms, lost)),
        rhymes=(*[0] * number, rhyme_bucket(heard[0][0])) if heard and heard[0] else (),
    )
    prompt = NEWLINE.join([*before, ""]) if before else request.prompt
    rhyme = ends[min(later)] if (later := _alike(whole, ends, number)) else ""
    plans = _line_plans(tools, keywords, request, whole, before, rhyme, seed, attempt) if bound else []
    each = request.candidates // max(1, len(plans))
    jobs = []
    for line in plans or [LinePlan()]:
        planned = replace(conditioning, plan=(*[LinePlan()] * number, line) if plans else ())
        job = SamplingJob(
            planned,
            _seeds(seed, attempt, each),
            _warmed(request, planned),
            prompt,
            replace(rules, planned=_ends(rules.spelling, planned.plan)),
            stop=number + 1,
        )
        jobs.append(
            ScoredJob(
                job, _scorer(tools, keywords, request, planned), after, NEWLINE.join(lines), tools.reader
            )
        )
    return jobs


def _alike(conditioning: Conditioning, places: Collection[int], number: int) -> list[int]:
    """The later lines that rhyme with one."""
    return [place for place in places if partner(conditioning.scheme, place) == number]


def _line_plans(
    tools: Tools,
    keywords: Sequence[str],
    request: GenerationRequest,
    conditioning: Conditioning,
    before: Sequence[str],
    rhyme: str,
    seed: int,
    attempt: int,
) -> list[LinePlan]:
    """The plans of another line that are worth following, the best first."""
    if tools.planner is None or not _may_plan(tools, request):
        return []
    brief = Brief(tuple(keywords), request.style, request.mood, request.lines, conditioning.scheme)
    random = np.random.default_rng([seed, _PLAN, attempt])
    drafts = tools.planner.draw_line(
        brief, plan_of(before), rhyme, DRAFTS, _coolness(request), random, request.forbidden
    )
    groups = max(1, request.candidates // PARTICLE_GROUP)
    return [draft.plan[0] for draft in _best(tools, keywords, request, drafts, groups)]


def _conditioning(tools: Tools, keywords: Sequence[str], request: GenerationRequest) -> Conditioning:
    asked = Conditioning.of(keywords, tools.lexicon, request.style, request.mood, request.lines)
    return replace(asked, syllables=_syllables(tools, request), scheme=request.scheme or HINTED)


def _rules(tools: Tools, request: GenerationRequest, conditioning: Conditioning, bound: bool = True) -> Rules:
    parts = [part for word in words(request.prompt) for part in word.split("-")]
    unknown = [part for part in parts if part not in tools.spelling]
    spelling = tools.spelling.extended(unknown) if unknown else tools.spelling
    kept = conditioning if request.scheme and bound else replace(conditioning, scheme=FREE)
    # What is no word may be the beginning of one.
    whole = request.prompt[-1:] in IN_WORD and tools.spelling.is_whole(parts[-1])
    planned = _ends(spelling, conditioning.plan) if bound else []
    return Rules(
        spelling,
        kept,
        Forbidden(request.forbidden),
        tools.novelty,
        prompt=request.prompt,
        whole=whole,
        planned=planned,
        lines=tools.lines,
    )


def _warmed(request: GenerationRequest, conditioning: Conditioning) -> Sampling:
    sampling = request.sampling
    if not conditioning.plan:
        return sampling
    warm = _WARM + (_WARMER - _WARM) * sampling.temperature
    return replace(sampling, temperature=max(sampling.temperature, warm))


def _scorer(
    tools: Tools, keywords: Sequence[str], request: GenerationRequest, conditioning: Conditioning
) -> Scorer:
    return Scorer(
        keywords,
        request.lines,
        tools.lexicon,
        request.mood,
        conditioning.scheme,
        conditioning.syllables,
        tools.weights,
        conditioning.plan,
    )


def _syllables(tools: Tools, request: GenerationRequest, suiting: int = 0) -> tuple[int, ...]:
    """Syllables of each line, drawn where no number suits best; a long prompt makes room for itself."""
    begun = tools.lexicon.sounds.spoken(request.prompt)
    counts = np.array(list(_SYLLABLES))
    drawn = np.random.default_rng([request.seed, _FORM]).choice(counts, p=list(_SYLLABLES.values()))
    count = request.syllables or min(MOST_SYLLABLES, max(suiting or int(drawn), begun + 2))
    # A line that is too long to be counted may have any number.
    first = max(count, begun) if begun <= MAX_SYLLABLES else 0
    return (first, *[count] * (request.lines - 1))


def _seeds(seed: int, attempt: int, count: int) -> list[int]:
    source = np.random.SeedSequence([seed, attempt] if attempt else seed)
    return [int(one) for one in source.generate_state(count)]


def without_torn_end(text: str) -> str:
    """Drop what a limit cut through: the last line, or the last word of a single line."""
    whole, newline, _ = text.rpartition(NEWLINE)
    if newline and any(c in LETTERS for c in whole):
        return whole
    words, space, _ = text.rpartition(" ")
    return words if space and any(c in LETTERS for c in words) else text
