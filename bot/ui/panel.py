"""What "Why this one?" shows: what led to which line, how it sounds, who else was in the running."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.language import ENGLISH, Language
from bot.ui.replies import MAX_CAPTION, MAX_MESSAGE, hidden, shown
from model.explanation import Explanation, Rival, described, originality, outline
from model.sentence import choice, say

# Candidates beside the one that was chosen.
_RIVALS = 2

_SOUND = say("**Sound** {scheme} (the same letter is a rhyme), {syllables} syllables")


def panel(
    caption: str | None,
    recipe: str,
    explanation: Explanation,
    language: Language = ENGLISH,
    *,
    spoiler: bool = False,
) -> str:
    """The text of a panel; of what would be too long the last rivals go first.

    Args:
        caption: what was seen, None without a picture.
        recipe: of the song.
        explanation: how it came about.
        language: of who asks.
        spoiler: hide what tells of the picture until somebody presses it.
    """
    cover = hidden if spoiler else str
    parts = [*_facts(caption, recipe, explanation, language, cover)]
    if explanation.rivals:
        chosen = say("**Chosen** from the last {n}. Scores, higher is better:", n=explanation.candidates)
        parts.append(language.said(chosen))
        parts += [_scored(rival, cover) for rival in explanation.rivals[: 1 + _RIVALS]]
    while len("\n".join(parts)) > MAX_MESSAGE:
        parts.pop()
    return "\n".join(parts)


def _facts(
    caption: str | None,
    recipe: str,
    explanation: Explanation,
    language: Language,
    cover: Callable[[str], str],
) -> Iterator[str]:
    said = language.said
    if caption:
        yield said(say("**I saw** {caption}", caption=cover(shown(caption)[:MAX_CAPTION])))
    yield said(say("**Words** {words}", words=cover(said(described(explanation.words)))))
    if explanation.plan is not None:
        yield said(say("**Plan** {plan}", plan=cover(said(outline(explanation.plan)))))
    if explanation.mood:
        yield said(say("**Mood** {mood}", mood=choice(explanation.mood)))
    syllables = ", ".join(map(str, explanation.syllables))
    yield said(_SOUND.filled(scheme=explanation.scheme, syllables=syllables))
    if explanation.copied is not None:
        yield said(say("**Copied** {much}", much=cover(said(originality(explanation.copied)))))
    yield said(say("**Recipe**, for `/replay` here or anywhere: `{recipe}`", recipe=recipe))


def _scored(rival: Rival, cover: Callable[[str], str]) -> str:
    parts = " · ".join(f"{name} {value:+.2f}" for name, value in rival.parts.items() if round(value, 2))
    return f"- {rival.score:+.2f} {cover(' / '.join(map(shown, rival.lines)))}\n-# {parts}"
