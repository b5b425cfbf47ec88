"""Resume after an interruption: the run that was broken off ends with the very bits of one that never was.

A child process trains and is killed in the middle of it, as by a power cut; a second one goes on from the checkpoint.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import sprat
from sprat.training import Callback, Checkpoint

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 20)).astype(np.float32)
y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2] > 0).astype(np.int64)


class KilledAt(Callback):
    """No farewell, no clean-up: the process ends at once."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer):
        if trainer.step == self.step:
            import os

            os._exit(9)


def train(checkpoint, killed_at=0):
    model = sprat.nn.MLP([20, 64, 2], dropout=0.1, seed=0)
    lr = sprat.optim.schedules.Cosine(0.01, steps=5 * 32)
    saving = Checkpoint(checkpoint, every=10, unit="step")
    return model, sprat.fit(
        model, x, y, epochs=5, lr=lr, checkpoint=saving, resume=True, callbacks=[KilledAt(killed_at)], progress=False
    )


if len(sys.argv) > 1:
    train(sys.argv[1], killed_at=77)

with tempfile.TemporaryDirectory() as folder:
    broken, whole = str(Path(folder, "broken.safetensors")), str(Path(folder, "whole.safetensors"))
    child = subprocess.run([sys.executable, __file__, broken], check=False)
    print(f"the first process was killed in step 77 (exit status {child.returncode})")
    state = sprat.io.load_training(broken).state
    print(f"its checkpoint stands at step {state['step']}, in epoch {state['epoch'] + 1}")
    resumed, history = train(broken)
    uninterrupted, _ = train(whole)
    print(f"resumed to the end: {history.steps} steps, loss {history['loss'][-1]:.4f}")
    print("same bits as an uninterrupted run:", resumed.params.tobytes() == uninterrupted.params.tobytes())
