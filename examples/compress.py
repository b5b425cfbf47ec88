"""A teacher from scratch, then the smallest and fastest model within half a point of it: ``sprat.compress``.

    python examples/compress.py --data fashion    # Debian's dataset-fashion-mnist, or --folder with the four IDX files
    python examples/compress.py --data diamonds   # 53,940 prices; the table comes with plotnine (pip install --no-deps plotnine)
    python examples/compress.py --data digits     # scikit-learn's, seconds

Rows are split in three: to learn from, to choose by, and to test on. The last line says what the test rows say.
"""

import argparse
import importlib.metadata
import time

import sprat
from sprat import demo, tabular
from sprat.optim.schedules import Cosine

TEACHERS = {"fashion": ([256, 128], 12), "diamonds": ([256, 128], 40), "digits": ([128, 64], 30)}


def images(data, seed):
    """Rows to learn from, to choose by and to test on, and no encoder."""
    (x, y), (xt, yt) = data.train, data.test
    y, test = y.ravel(), (xt, yt.ravel())
    train, held = tabular.split(len(y), 1 / 6, seed=seed, stratify=y)
    return (x[train], y[train]), (x[held], y[held]), test, None


def diamonds(seed):
    """The same of a table, with the encoder that has learnt its columns."""
    try:
        path = importlib.metadata.distribution("plotnine").locate_file("plotnine/data/diamonds.csv")
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit("the diamonds come with plotnine: pip install --no-deps plotnine") from None
    table = tabular.read_table(str(path))
    rest, test = tabular.split(len(table["price"]), 0.2, seed=seed)
    train, held = (rest[part] for part in tabular.split(len(rest), 0.2, seed=seed))
    encoder = tabular.Encoder.fit({name: values[train] for name, values in table.items()}, target="price")
    x, y = encoder.transform(table), encoder.transform_target(table["price"])[:, None]
    return (x[train], y[train]), (x[held], y[held]), (x[test], y[test]), encoder


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", choices=sorted(TEACHERS), default="digits")
    options.add_argument("--folder", default="/usr/share/datasets/fashion-mnist", help="of Fashion-MNIST")
    options.add_argument("--seconds", type=float, default=240.0, help="budget of the search (default 240)")
    options.add_argument("--max-loss", default="0.5%", help="default 0.5%%: half a point")
    options.add_argument("--output", help="folder for models and report")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    start = time.perf_counter()
    if chosen.data == "diamonds":
        train, held, test, encoder = diamonds(chosen.seed)
    else:
        folder = chosen.folder if chosen.data == "fashion" else None
        train, held, test, encoder = images(demo.load(folder), chosen.seed)

    hidden, epochs = TEACHERS[chosen.data]
    outputs = 1 if encoder else int(train[1].max()) + 1
    teacher = sprat.nn.MLP([train[0].shape[1], *hidden, outputs], seed=chosen.seed)
    teacher.encoder = encoder
    batch = 128 if len(train[0]) > 8192 else 32
    rate = Cosine(1e-3, steps=epochs * -(-len(train[0]) // batch))
    sprat.fit(teacher, *train, epochs=epochs, batch_size=batch, lr=rate, seed=chosen.seed)
    scores = {name: round(value, 4) for name, value in sprat.evaluate(teacher, *test).items()}
    print(f"{teacher}: {scores} on the test rows, {time.perf_counter() - start:.0f} s\n")

    found = sprat.compress(
        teacher,
        train,
        held,
        test=test,
        max_loss=chosen.max_loss,
        seconds=chosen.seconds,
        seed=chosen.seed,
        folder=chosen.output,
    )
    print(found)
    assert found.chosen.test_drop is not None
    lost = 100 * found.chosen.test_drop.loss
    done = found.faster >= 4 and found.smaller >= 8 and lost <= 0.5
    print(
        f"\n{found.faster:.1f} times faster, {found.smaller:.1f} times smaller, {lost:.2f} points lower on the test rows "
        f"after {time.perf_counter() - start:.0f} s: {'at least' if done else 'not'} 4 times, 8 times, within 0.5 points"
    )


if __name__ == "__main__":
    main()
