"""What looks at pictures on a CPU, beside the network in PyTorch that it stands for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from model.captioner import Captioner, Decoder
from model.checkpoint import save_checkpoint
from model.encoder import Encoder
from model.errors import BadCheckpoint, BadInstallation
from model.image_describer import ImageDescriber
from model.onnx_captioner import OnnxCaptioner
from model.onnx_graph import Graph
from model.pictures import Preprocessing, open_picture
from model.vocabulary import WordVocabulary
from training.corpora.flickr8k import read_split

VOCABULARY = WordVocabulary(["dog", "cat", "runs", "sits", "snow"])
# Float32 is summed in another order.
NEAR = 1e-4


@cache
def network(backbone: str = "tf_efficientnet_lite0", tunable: int = 4, mirrored: bool = False) -> Captioner:
    """Untrained, with statistics of batch normalisation that a trained one could have."""
    torch.manual_seed(2)
    encoder = Encoder(backbone, tunable, mirrored)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    decoder = Decoder(encoder.channels, len(VOCABULARY), hidden=16, attention=8)
    return Captioner(encoder, decoder, VOCABULARY).eval()


def weights(captioner: Captioner) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in captioner.state_dict().items()}


def saved(captioner: Captioner, folder: Path, **changed: object) -> Path:
    header = {
        "encoder": captioner.encoder.architecture,
        "decoder": captioner.decoder.architecture,
        "words": VOCABULARY.words,
        "preprocessing": Preprocessing(size=64).to_header(),
    }
    save_checkpoint(folder / "captioner.safetensors", "captioner", header | changed, captioner.state_dict())
    return folder


@pytest.mark.parametrize(
    ("backbone", "tunable", "mirrored", "guidance"),
    [
        ("tf_efficientnet_lite0", 4, False, 0.0),
        ("tf_efficientnet_lite0", 4, True, 0.5),
        ("tf_efficientnet_lite2", 1, False, 0.0),
    ],
)
def test_features_captions_and_attention_are_pytorchs(
    backbone: str, tunable: int, mirrored: bool, guidance: float
) -> None:
    reference = network(backbone, tunable, mirrored)
    reference.guidance = guidance
    ours = OnnxCaptioner(weights(reference), VOCABULARY, backbone, tunable, mirrored, guidance)
    pictures = torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(5)).numpy()
    grid = ours.features(pictures)
    assert grid == pytest.approx(reference.features(pictures), rel=1e-3, abs=1e-3)
    for beam in (1, 3):
        for one, other in zip(ours.describe(grid, beam), reference.describe(grid, beam), strict=True):
            assert one.words == other.words
            assert one.log_probability == pytest.approx(other.log_probability, abs=NEAR)
            assert one.attention == pytest.approx(other.attention, abs=NEAR)
            assert one.attention.shape == (len(one.words), 2 * 3)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_picture_and_its_mirror_image_are_told_alike(tmp_path: Path, engine: str) -> None:
    describer = ImageDescriber.load(saved(network(mirrored=True), tmp_path), backend=engine)
    noise = np.random.default_rng(4).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    one, other = (describer.caption(Image.fromarray(pixels)) for pixels in (noise, noise[:, ::-1]))
    assert one.words == other.words
    # It looks at the same things, where they are now.
    looked = [caption.attention.reshape(-1, 2, 2) for caption in (one, other)]
    assert looked[0] == pytest.approx(looked[1][:, :, ::-1], abs=NEAR)


def test_pictures_of_a_batch_do_not_mix() -> None:
    ours = OnnxCaptioner(weights(network()), VOCABULARY, "tf_efficientnet_lite0")
    grid = np.random.default_rng(3).random((4, 6, 1280), dtype=np.float32)
    together = ours.describe(grid)
    assert [one.words for one in together] == [
        ours.describe(grid[row : row + 1])[0].words for row in range(4)
    ]


def test_the_eye_takes_it_where_it_can(tmp_path: Path) -> None:
    assert isinstance(ImageDescriber.load(saved(network(), tmp_path)).captioner, OnnxCaptioner)
    assert isinstance(ImageDescriber.load(saved(network(), tmp_path), backend="torch").captioner, Captioner)
    other = saved(network("mobilenetv3_small_050", 2), tmp_path)
    assert isinstance(ImageDescriber.load(other).captioner, Captioner)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize(
    "changed",
    [
        {"words": ["dog"]},
        {"decoder": {"hidden": 32, "attention": 8, "tied": False}},
        {"decoder": {}},
        {"encoder": {"backbone": "tf_efficientnet_lite0", "tunable": 2}},
        {"preprocessing": {}},
    ],
)
def test_a_header_that_does_not_fit(tmp_path: Path, changed: dict[str, object], engine: str) -> None:
    with pytest.raises(BadCheckpoint, match=str(tmp_path)):
        ImageDescriber.load(saved(network(), tmp_path, **changed), backend=engine)


def test_a_runtime_that_lacks_an_operator_is_named() -> None:
    graph = Graph()
    with pytest.raises(BadInstallation, match=f"ONNX Runtime {onnxruntime.__version__}.*Dream") as refused:
        graph.session({"rows": (np.float32, ["rows"])}, [graph.add("Dream", "rows")])
    assert "\n" not in str(refused.value)


def test_the_shipped_captioner_says_what_pytorch_says(data: Path, checkpoints: Path) -> None:
    """Of 20 held-back pictures; of all 1,000: docs/captioner.md."""
    flickr = data / "flickr8k"
    ours, reference = ImageDescriber.load(checkpoints), ImageDescriber.load(checkpoints, backend="torch")
    for name in read_split(flickr / "Flickr_8k.devImages.txt")[::50]:
        picture = open_picture(flickr / "images" / name)
        one, other = ours.see(picture), reference.see(picture)
        assert one.text == other.text
        assert one.caption.text == other.caption.text
        assert one.caption.attention == pytest.approx(other.caption.attention, abs=NEAR)
