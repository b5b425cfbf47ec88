"""DeepSpeed's CPUAdam; its native part is compiled at first use, which needs a C++ compiler and ninja."""

from __future__ import annotations

import logging

import torch

logging.disable(logging.WARNING)  # it tells about devices at import
from deepspeed.ops.adam import DeepSpeedCPUAdam  # noqa: E402

from ..problems import ArrayStep  # noqa: E402
from ..tasks import Prepared, offers  # noqa: E402


@offers("array step", "deepspeed")
def array_step(problem: ArrayStep, threads: int) -> Prepared | None:
    """Adam alone."""
    if problem.optimizer != "Adam":
        return None
    torch.set_num_threads(threads)
    params, grads = problem.arrays()
    tensors = [torch.nn.Parameter(torch.tensor(w)) for w in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(grad)
    optimizer = DeepSpeedCPUAdam(tensors, lr=problem.lr, adamw_mode=False, fp32_optimizer_states=True)
    return Prepared(optimizer.step, lambda: [tensor.detach().numpy() for tensor in tensors])
