"""A teacher from scratch, then the smallest and fastest model within half a point of it: ``sprat.compress``.

    python examples/compress.py --data fashion    # Debian's dataset-fashion-mnist, or --folder with the four IDX files
    python examples/compress.py --data diamonds   # 53,940 prices; the table comes with plotnine (pip install --no-deps plotnine)

Rows are split in three: to learn from, to choose by, and to test on. The last line says what the test rows say.
"""

import argparse
import importlib.metadata
import time

import sprat
from sprat import demo, tabular
from sprat.optim.schedules import Cosine

# Hidden layers and epochs of the teacher, and seconds for the search.
PLANS = {"fashion": ([256, 128], 12, 330), "diamonds": ([256, 128], 40, 90), "digits": ([128, 64], 30, 8)}


def images(folder):
    """Rows to learn from, to choose by and to test on, and no encoder."""
    data = demo.load(folder)
    x, y = data.train[0], data.train[1].ravel()
    train, held = tabular.split(len(y), 1 / 6, stratify=y)
    return (x[train], y[train]), (x[held], y[held]), (data.test[0], data.test[1].ravel()), None


def diamonds():
    """The same of a table, with the encoder that has learnt its columns."""
    table = tabular.read_table(importlib.metadata.distribution("plotnine").locate_file("plotnine/data/diamonds.csv"))
    rest, test = tabular.split(len(table["price"]), 0.2)
    train, held = (rest[part] for part in tabular.split(len(rest), 0.2))
    encoder = tabular.Encoder.fit({name: values[train] for name, values in table.items()}, target="price")
    x, y = encoder.transform(table), encoder.transform_target(table["price"])[:, None]
    return (x[train], y[train]), (x[held], y[held]), (x[test], y[test]), encoder


options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--data", choices=sorted(PLANS), default="digits", help="default: digits, in ten seconds")
options.add_argument("--folder", default="/usr/share/datasets/fashion-mnist", help="of Fashion-MNIST")
options.add_argument("--output", help="folder for models and report")
chosen = options.parse_args()
start = time.perf_counter()
hidden, epochs, seconds = PLANS[chosen.data]
load = diamonds if chosen.data == "diamonds" else lambda: images(chosen.folder if chosen.data == "fashion" else None)
train, held, test, encoder = load()

teacher = sprat.nn.MLP([train[0].shape[1], *hidden, 1 if encoder else 10], seed=0)
teacher.encoder = encoder
batch = 128 if len(train[0]) > 8192 else 32
rate = Cosine(1e-3, steps=epochs * -(-len(train[0]) // batch))
sprat.fit(teacher, *train, epochs=epochs, batch_size=batch, lr=rate)
found = sprat.compress(teacher, train, held, test=test, max_loss="0.5%", seconds=seconds, folder=chosen.output)
print(f"{teacher}: {sprat.evaluate(teacher, *test)} on the test rows\n\n{found}\n")
lost = 100 * found.chosen.test_drop.loss
print(f"{found.faster:.1f} times faster, {found.smaller:.1f} times smaller, {lost:.2f} points lower on the test rows")
print(f"after {time.perf_counter() - start:.0f} seconds in all (to reach: 4 times, 8 times, 0.5 points, 600 seconds)")
