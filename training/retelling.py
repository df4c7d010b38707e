"""A person's plan told in other words, so that it does not lead to that person's own lines.

In every line one word gives way to another of its kind, where the planner finds that about as likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tqdm import tqdm

from model.plan import LinePlan, Plan, outline, plan_of, planned_words
from training.planner import PlannerTrainer
from training.songbook import Verse

# An exchange may make a plan so many nats less likely, and of each word so many are tried.
_DEAREST, _TRIED = 1.5, 4
# Plans that are judged at once.
_CHUNK = 24


def retold(verses: Sequence[Verse], near: Mapping[str, Sequence[str]], judge: PlannerTrainer) -> list[Plan]:
    """The plan of each stanza with a word exchanged in every line that allows it.

    Args:
        verses: whose plans.
        near: words -> those that can stand in their place, the likest first.
        judge: says how likely plans are.
    """
    plans: list[Plan] = []
    for start in tqdm(range(0, len(verses), _CHUNK), desc="plans", mininterval=10):
        some = verses[start : start + _CHUNK]
        tries = [_exchanges(plan_of(verse.lines), verse.keywords, near, judge) for verse in some]
        asked = [
            replace(verse, lines=outline(plan))
            for verse, found in zip(some, tries, strict=True)
            for plan in (plan_of(verse.lines), *found)
        ]
        nats = iter(judge.plan_nats(asked))
        for verse, found in zip(some, tries, strict=True):
            plan = plan_of(verse.lines)
            plans.append(_cheapest(plan, found, next(nats), [next(nats) for _ in found]))
    return plans


def _exchanges(
    plan: Plan, keywords: Sequence[str], near: Mapping[str, Sequence[str]], judge: PlannerTrainer
) -> list[Plan]:
    """The plan with one word exchanged, each way that it can be; what it is about stays."""
    lemma = judge.lexicon.lemma
    said = {lemma(word) for word in planned_words(plan)}
    found = []
    for row, line in enumerate(plan):
        for place, word in enumerate(line.inner):
            others = [] if lemma(word) in keywords else near.get(word, [])[:_TRIED]
            for other in (other for other in others if lemma(other) not in said):
                inner = (*line.inner[:place], other, *line.inner[place + 1 :])
                found.append((*plan[:row], LinePlan(inner, line.end), *plan[row + 1 :]))
    return found


def _cheapest(plan: Plan, tries: Sequence[Plan], whole: float, nats: Sequence[float]) -> Plan:
    """Every line as it is in the likeliest of the plans in which it differs, if that is likely enough."""
    lines = list(plan)
    costs = [cost - whole for cost in nats]
    for row, line in enumerate(plan):
        changed = [number for number, other in enumerate(tries) if other[row] != line]
        best = min(changed, key=costs.__getitem__, default=None)
        if best is not None and costs[best] <= _DEAREST:
            lines[row] = tries[best][row]
    return tuple(lines)
