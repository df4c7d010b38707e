"""What "Why this one?" shows: what led to which line, how it sounds, who else was in the running."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.ui.replies import MAX_CAPTION, MAX_MESSAGE, hidden, shown
from model.explanation import Explanation, Rival, described, originality, outline

# Candidates beside the one that was chosen.
_RIVALS = 2


def panel(caption: str | None, recipe: str, explanation: Explanation, *, spoiler: bool = False) -> str:
    """The text of a panel; of what would be too long the last rivals go first.

    Args:
        caption: what was seen, None without a picture.
        recipe: of the song.
        explanation: how it came about.
        spoiler: hide what tells of the picture until somebody presses it.
    """
    cover = hidden if spoiler else str
    parts = [*_facts(caption, explanation, cover), f"**Recipe**, for `/replay` here or anywhere: `{recipe}`"]
    if explanation.rivals:
        parts.append(f"**Chosen** from the last {explanation.candidates}. Scores, higher is better:")
        parts += [_scored(rival, cover) for rival in explanation.rivals[: 1 + _RIVALS]]
    while len("\n".join(parts)) > MAX_MESSAGE:
        parts.pop()
    return "\n".join(parts)


def _facts(caption: str | None, explanation: Explanation, cover: Callable[[str], str]) -> Iterator[str]:
    if caption:
        yield f"**I saw** {cover(shown(caption)[:MAX_CAPTION])}"
    yield f"**Words** {cover(described(explanation.words) or 'none were asked for')}"
    if explanation.plan is not None:
        yield f"**Plan** {cover(outline(explanation.plan))}"
    if explanation.mood:
        yield f"**Mood** {explanation.mood}"
    syllables = ", ".join(map(str, explanation.syllables))
    yield f"**Sound** {explanation.scheme} (the same letter is a rhyme), {syllables} syllables"
    if explanation.copied is not None:
        yield f"**Copied** {cover(originality(explanation.copied))}"


def _scored(rival: Rival, cover: Callable[[str], str]) -> str:
    parts = " · ".join(f"{name} {value:+.2f}" for name, value in rival.parts.items() if round(value, 2))
    return f"- {rival.score:+.2f} {cover(' / '.join(map(shown, rival.lines)))}\n-# {parts}"
