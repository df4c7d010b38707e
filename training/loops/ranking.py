"""What people's votes teach the score of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.errors import BadInput
from model.taught import save_factors
from training.evaluation.journal import Journal
from training.evaluation.preferences import MIN_PEOPLE, MIN_STANZAS, MIN_VOTES, factors_of, study
from training.evaluation.ratings import Count, Counted, Rating, Scale
from training.evaluation.votes import scores_again, votes_of

_LEAST = (
    f"it takes {MIN_VOTES} on {MIN_STANZAS} stanzas, by {MIN_PEOPLE} people who liked some and not others"
)


def learnt(
    counted: Counted, checkpoints: Path, forbidden: frozenset[str], journal: Journal
) -> dict[str, Any]:
    """What ratings teach; see ``preferences.study`` and, for the arguments, ``votes.scores_again``.

    ``left_out`` says how many stanzas could not be written again, by the reason.
    """
    scores, left_out = scores_again(counted, checkpoints, forbidden, journal)
    return {**study(votes_of(counted, scores)), "left_out": left_out}


def teach(
    ratings: Sequence[Rating], scale: Scale, checkpoints: Path, forbidden: frozenset[str], output: Path
) -> dict[str, Any]:
    """Learn from ratings, and write what holds on held-back stanzas to ``output``.

    Raises:
        BadInput: there are too few votes, or what they teach does not hold.
        BadCheckpoint, BadInstallation: see ``votes.scores_again``.
    """
    counted = Count.of(ratings, scale).counted
    # Too few in any case: no stanza has to be written again to see that.
    if len(counted) < MIN_VOTES:
        raise BadInput(f"There are {len(counted)} votes: {_LEAST}.")
    found = learnt(counted, checkpoints, forbidden, Journal())
    if "note" in found:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found["left_out"].items())
        not_written_again = f", and stanzas that were not written again ({reasons})" if reasons else ""
        raise BadInput(
            f"There are {found['votes']} votes that can be compared, by {found['people']} people on "
            f"{found['stanzas']} stanzas{not_written_again}: {_LEAST}."
        )
    if found["gain"]["share"] <= 0:
        raise BadInput(
            f"The votes teach nothing that holds: of held-back pairs the score agrees with "
            f"{found['before']['share']:.3f} before and {found['after']['share']:.3f} after, so nothing is "
            "written: collect more votes."
        )
    save_factors(factors_of(found), output)
    return found
