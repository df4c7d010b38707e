"""Several processes that train one network, as ``torchrun`` starts them: gradients are averaged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed, nn

from model.errors import BadOption
from model.threads import MAX_THREADS


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class Processes:
    """This process among its like. Alone, every method gives back what it was given.

    Attributes:
        rank: its number; 0 writes the files.
        count: how many there are.
        device: where it computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=best_device)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def greatest(self, *values: float) -> list[float]:
        """The greatest of all processes' values, place by place."""
        if self.count == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return [float(value) for value in found]

    def together(self, tensor: Tensor) -> Tensor:
        """Every process's tensor, (count, *shape), on the CPU."""
        if self.count == 1:
            return tensor[None].cpu()
        sent = tensor.to(self.device).contiguous()
        received = [torch.empty_like(sent) for _ in range(self.count)]
        distributed.all_gather(received, sent)
        return torch.stack(received).cpu()


@contextmanager
def processes() -> Iterator[Processes]:
    """The processes of ``torchrun``, or this one alone.

    Raises:
        BadOption: what is done in the block needs more memory than there is.
    """
    count, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    if count == 1:
        with _enough_memory():
            yield Processes(device=device)
        return
    if not gpu:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(max(1, min(MAX_THREADS, len(os.sched_getaffinity(0)) // here)))
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        with _enough_memory():
            yield Processes(distributed.get_rank(), count, device)
    finally:
        distributed.destroy_process_group()


@contextmanager
def _enough_memory() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # On a CPU the allocator has no error of its own.
        if not (isinstance(error, torch.cuda.OutOfMemoryError) or "allocate memory" in str(error)):
            raise
        raise BadOption("The memory is too small for this: lower --batch or --hidden.") from error
