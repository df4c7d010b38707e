"""Captions that tell a picture from others: words gain by what the picture adds to them. Free of torch."""

from __future__ import annotations

import numpy as np

from model.beam import Ids, Singles, Steps

# Words with less than this share of the likeliest one's probability are not led: between two small
# probabilities the difference says nothing.
_PLAUSIBLE = 0.02


class Guided:
    """A picture's steps, led away from what would be said without seeing it; see ``beam.Steps``.

    Classifier-free guidance (Kornblith et al., "Guiding image captioning models toward more specific
    captions", ICCV 2023), of plausible words alone (Li et al., "Contrastive decoding", ACL 2023):
    log p(word | picture) + strength * (log p(word | picture) - log p(word | no picture)), normalised
    to log-probabilities again.

    Args:
        steps: of the pictures and, after them, of as many that show nothing: together, because a
            decoder's weights take longer to read than to use.
        strength: 0 for none.
    """

    def __init__(self, steps: Steps, strength: float) -> None:
        self.steps, self.strength = steps, strength
        self.regions = steps.regions

    def step(self, words: Ids, parents: Ids) -> tuple[Singles, Singles]:
        rows = len(words)
        both, attention = self.steps.step(np.tile(words, 2), np.concatenate([parents, parents + rows]))
        nats, expected = both[:rows], both[rows:]
        plausible = nats >= nats.max(1, keepdims=True) + np.log(np.float32(_PLAUSIBLE))
        told: Singles = np.where(plausible, nats - expected, np.float32(0.0))
        scores: Singles = nats + np.float32(self.strength) * told
        return _log_softmax(scores), attention[:rows]


def _log_softmax(scores: Singles) -> Singles:
    shifted = scores - scores.max(1, keepdims=True)
    found: Singles = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return found
