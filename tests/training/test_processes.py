"""Two processes under ``torchrun`` train one network."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.errors import BadOption
from model.generator import load_generator
from tests.tiny import TINY, WORDS, trainer, write_songs
from training.loops.generator import GeneratorTrainer
from training.processes import Processes

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from safetensors.torch import save_file
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from tests.tiny import WORDS, TINY
from training.loops.curves import Curves
from training.loops.generator import GeneratorTrainer
from training.processes import processes

corpus, folder = Path(sys.argv[1]), Path(sys.argv[2])
runs = {
    "stanzas": replace(TINY, validate_every=4),
    "songs": replace(TINY, regime="songs", plain=True, sequence=20, batch=8),
}
Curves._draw = lambda self: None


def train():
    with processes() as here:
        for name, options in runs.items():
            learner = GeneratorTrainer(corpus, WORDS, folder / name, options, here)
            best = learner.train()
            found = {"best": torch.tensor(best), "characters": torch.tensor(learner.run.progress.characters)}
            save_file({**found, **learner.model.state_dict()}, folder / f"{name}-{here.rank}.safetensors")


# What torchrun calls; both processes inherit what it imported, where torchrun has each import it again.
config = LaunchConfig(
    min_nodes=1, max_nodes=1, nproc_per_node=2, rdzv_backend="c10d", rdzv_endpoint="localhost:0",
    run_id="test", start_method="fork",
)
elastic_launch(config, train)()
"""


@pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this build of torch has no torch.distributed"
)
def test_two_processes_end_with_one_network(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT)
    running = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(corpus), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = running.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    assert running.returncode == 0, said
    for name in ("stanzas", "songs"):
        first, second = (load_file(tmp_path / f"{name}-{rank}.safetensors") for rank in range(2))
        assert set(first) == set(second)
        # Each has read something else.
        assert first.pop("characters") != second.pop("characters")
        for key, weights in first.items():
            assert torch.equal(weights, second[key]), key
            assert weights.isfinite().all(), key
        run = tmp_path / name
        _, _, checkpoint = load_generator(run / "generator.safetensors")
        assert checkpoint.header["metrics"]["dev_sample_nats_per_char"] == pytest.approx(float(first["best"]))
        steps = [line.split(",")[0] for line in (run / "log.csv").read_text().splitlines()[1:]]
        assert len(steps) == len(set(steps))
        assert not list(run.glob("*.partial"))
    with pytest.raises(BadOption, match="2 processes, not 1"):
        trainer(corpus, tmp_path / "stanzas", replace(TINY, validate_every=4)).resume()


def test_processes_share_a_pass_in_equal_parts(tmp_path: Path) -> None:
    corpus = write_songs(tmp_path)

    def read(here: Processes) -> list[str]:
        learner = GeneratorTrainer(corpus, WORDS, tmp_path / "run", TINY, here)
        return [str(group.examples) for group in learner.batches(0)]

    whole = read(Processes())
    parts = [read(Processes(rank, 3)) for rank in range(3)]
    assert {len(part) for part in parts} == {len(whole) // 3}
    groups = [group for part in parts for group in part]
    assert len(set(groups)) == len(groups)
    assert set(groups) <= set(whole)
