from typing import Any

import numpy as np
import pytest
import torch

from model.beam import Caption, search
from model.captioner import Captioner, Decoder, TorchSteps
from model.encoder import Encoder
from model.errors import BadOption
from model.vocabulary import BOS, EOS, PAD, UNK, WordVocabulary

WORDS = [f"w{number}" for number in range(12)]
VOCABULARY = WordVocabulary(WORDS)


@pytest.fixture(params=[False, True], ids=["separate", "tied"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(3)
    made = Decoder(6, len(VOCABULARY), hidden=16, attention=8, dropout=0.0, tied=request.param)
    # Untrained softmaxes are almost flat: sharpen, so that searching means something.
    with torch.no_grad():
        made.output.weight.mul_(8)
        made.mix.weight.mul_(4)
    return made.eval()


def grid(pictures: int = 5) -> torch.Tensor:
    return torch.randn(pictures, 9, 6, generator=torch.Generator().manual_seed(1))


def test_stepping_equals_teacher_forcing(decoder: Decoder) -> None:
    words = torch.randint(4, len(VOCABULARY), (5, 7))
    with torch.inference_mode():
        memory = decoder.look(grid())
        expected = decoder(memory, words)
        state = decoder.begin(memory)
        for time in range(7):
            logits, state, attention = decoder.step(memory, words[:, time], state)
            torch.testing.assert_close(logits, expected[:, time])
            torch.testing.assert_close(attention.sum(1), torch.ones(5))


def beam_search(decoder: Decoder, features: torch.Tensor, beam: int, **options: Any) -> Any:
    with torch.inference_mode():
        return search(TorchSteps(decoder, features, beam), len(features), beam, **options)


def caption(captioner: Captioner, pictures: torch.Tensor, beam: int) -> list[Caption]:
    return captioner.describe(captioner.features(pictures.numpy()), beam)


def log_probability(decoder: Decoder, features: torch.Tensor, ids: list[int]) -> float:
    ended = [*ids, EOS]
    with torch.inference_mode():
        logits = decoder(decoder.look(features), torch.tensor([[BOS, *ids]]))[0]
    return float(torch.log_softmax(logits, 1)[range(len(ended)), ended].sum())


@pytest.mark.parametrize("beam", [1, 3, 5])
def test_scores_are_the_captions_log_probabilities(decoder: Decoder, beam: int) -> None:
    features = grid()
    tokens, scores, _ = beam_search(decoder, features, beam, max_words=8)
    for row in range(5):
        ids = [i for i in tokens[row].tolist() if i not in (PAD, EOS)]
        expected = log_probability(decoder, features[row : row + 1], ids)
        assert float(scores[row]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 2, 4])
def test_no_caption_is_empty_holds_unk_or_repeats_a_trigram(decoder: Decoder, beam: int) -> None:
    tokens, _, _ = beam_search(decoder, grid(20), beam, max_words=20)
    for row in tokens.tolist():
        ids = row[: row.index(EOS)]
        assert ids
        assert UNK not in ids
        assert all(number > UNK for number in ids)
        trigrams = list(zip(ids, ids[1:], ids[2:], strict=False))
        assert len(trigrams) == len(set(trigrams))
        assert len(ids) <= 20


def test_a_wide_beam_finds_what_exhaustive_search_finds(decoder: Decoder) -> None:
    """With two words at most, a beam as wide as all pairs of words sees every caption."""
    features = grid(3)
    beam = len(WORDS) * (len(WORDS) + 1)
    tokens, scores, _ = beam_search(decoder, features, beam, max_words=2, length_norm=0.0)
    ids = range(4, len(VOCABULARY))
    captions = [[i] for i in ids] + [[i, j] for i in ids for j in ids]
    for row in range(3):
        best = max(log_probability(decoder, features[row : row + 1], c) for c in captions)
        assert float(scores[row]) == pytest.approx(best, abs=1e-4)
    assert tokens.shape[0] == 3


def test_batches_do_not_mix(decoder: Decoder) -> None:
    features = grid(6)
    together, _, _ = beam_search(decoder, features, 3)
    for row in range(6):
        alone, _, _ = beam_search(decoder, features[row : row + 1], 3)
        assert np.array_equal(alone[0], together[row])


def test_the_whole_captioner_on_a_small_backbone() -> None:
    torch.manual_seed(0)
    encoder = Encoder("mobilenetv3_small_050", tunable=2)
    captioner = Captioner(encoder, Decoder(encoder.channels, len(VOCABULARY), 16, 8), VOCABULARY).eval()
    found = caption(captioner, torch.randn(2, 3, 64, 64), beam=2)
    assert len(found) == 2
    for one in found:
        assert one.words
        assert one.log_probability < 0
        assert one.attention.shape == (len(one.words), 4)
        assert one.text.split() == one.words


@pytest.mark.parametrize("backbone", ["resnet18", "torchvision:resnet18", "torchvision:mobilenet_v3_small"])
def test_other_backbones(backbone: str) -> None:
    encoder = Encoder(backbone, tunable=1)
    assert encoder(torch.zeros(1, 3, 64, 64)).shape == (1, 4, encoder.channels)


@pytest.mark.parametrize("backbone", ["resnot18", "torchvision:resnot18"])
def test_a_backbone_that_does_not_exist_is_refused(backbone: str) -> None:
    with pytest.raises(BadOption, match="cannot be had"):
        Encoder(backbone)


def test_a_backbone_without_stages_is_refused() -> None:
    with pytest.raises(BadOption, match="not a convolutional network"):
        Encoder("vit_tiny_patch16_224")


def test_batch_normalisation_stays_as_it_is_in_training() -> None:
    encoder = Encoder("mobilenetv3_small_050", tunable=1).train()
    assert not any(module.training for module in encoder.modules())


@pytest.mark.parametrize("backbone", ["mobilenetv3_small_050", "torchvision:resnet18"])
def test_freezing_changes_neither_features_nor_captions(backbone: str) -> None:
    torch.manual_seed(2)
    encoder = Encoder(backbone, tunable=2)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    captioner = Captioner(encoder, Decoder(encoder.channels, len(VOCABULARY), 16, 8), VOCABULARY).eval()
    pictures = torch.randn(3, 3, 64, 64)
    features, before = encoder(pictures), caption(captioner, pictures, 3)
    captioner.freeze("cpu")
    norms = [m for m in captioner.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not norms
    torch.testing.assert_close(captioner.encoder(pictures), features, rtol=1e-3, atol=1e-3)
    after = caption(captioner, pictures, 3)
    assert [one.text for one in after] == [one.text for one in before]
    assert [a.log_probability for a in after] == pytest.approx([b.log_probability for b in before], rel=1e-3)
