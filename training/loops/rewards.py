"""What self-critical training is paid for: captions that people could have written of this picture alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.vocabulary import UNK
from training.evaluation.metrics import CiderD

# Pictures whose captions are the most similar to a picture's own.
SIMILAR = 5
_CHUNK = 500


class Reward:
    """CIDEr-D, less a share of the CIDEr-D that the caption has for similar pictures.

    The second part is CIDErBtw (Wang, Xu, Wang and Chan, "Compare and reweight: distinctive image
    captioning using similar images sets", ECCV 2020). It asks what Luo et al. (CVPR 2018) ask a
    second network, which picture a caption belongs to, of the references alone.

    ``<eos>`` counts as a word, or captions would end in fragments (Hu et al., arXiv 2305.12254).

    Args:
        references: tokenised captions of each picture.
        similar: numbers of the pictures similar to each, (pictures, similar), or None.
        distinct: the share.
    """

    def __init__(
        self,
        references: Sequence[Sequence[Sequence[str]]],
        similar: Tensor | None = None,
        distinct: float = 0.0,
    ) -> None:
        self._cider = CiderD([[[*reference, "<eos>"] for reference in own] for own in references])
        self._similar = similar.tolist() if similar is not None else [[]] * len(references)
        self._distinct = distinct

    def score(self, picture: int, words: Sequence[str], ended: bool) -> float:
        """The reward, at most 10, of a caption that may have been cut off before its end."""
        caption = [*words, "<eos>"] if ended else words
        own, *others = self._cider.scores([picture, *self._similar[picture]], caption)
        return own - self._distinct * sum(others) / len(others) if others else own


def most_similar(captions: Tensor, symbols: int, count: int = SIMILAR) -> Tensor:
    """Numbers of the pictures whose captions have the most words in common with a picture's own.

    Args:
        captions: ids of each picture's captions, (pictures, captions, words).
        symbols: vocabulary size.
        count: pictures, fewer where there are not so many others.

    Returns:
        (pictures, count) by the cosine of their words, weighed by how few pictures' captions have them,
        the most similar first.
    """
    said = torch.zeros(len(captions), symbols).scatter_(1, captions.flatten(1), 1.0)
    said[:, : UNK + 1] = 0.0
    rarity = torch.log(len(captions) / said.sum(0).clamp(min=1.0))
    words = nn.functional.normalize(said * rarity, dim=1)
    found = []
    for start in range(0, len(words), _CHUNK):
        cosines = words[start : start + _CHUNK] @ words.T
        cosines.diagonal(start).fill_(-1.0)
        found.append(cosines.topk(min(count, len(words) - 1)).indices)
    return torch.cat(found)
