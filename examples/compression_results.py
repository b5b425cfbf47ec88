"""What pruning and quantization cost in accuracy, beside the dense network trained just as long.

python examples/compression_results.py --data fashion --seeds 3        (or diamonds, or digits; see data_sets.py)"""

import numpy as np
from data_sets import arguments, load

import sprat
from sprat import prune
from sprat.optim.schedules import Cosine
from sprat.quantization import QATConfig, quantize_model
from sprat.training import GradualPruning

chosen = arguments(__doc__, seeds=1)
task = load(chosen.data, chosen.folder)
steps = -(-len(task.train[1]) // task.batch_size)


def fit(model, seed, epochs=task.epochs, lr=task.lr, **more):
    """Train on, with a rate that falls to 0."""
    optimizer = task.optimizer(model, lr=Cosine(lr, steps=epochs * steps))
    sprat.fit(model, *task.train, epochs=epochs, batch_size=task.batch_size, optimizer=optimizer, seed=seed, **more)
    return model


def sparse(model, seed, **rule):
    """More and more zeros during the first half of the training, up to 90 %."""
    schedule = prune.GradualSchedule(0.0, 0.9, end_step=task.epochs * steps // 2)
    return fit(model, seed, callbacks=[GradualPruning(schedule, frequency=max(steps // 10, 1), **rule)])


def narrow(model, seed):
    """Of each hidden layer the 31 % of neurons with the largest weights."""
    prune.neurons(model, 0.69)
    return fit(model, seed)


rows = {}
for seed in range(chosen.seeds):
    half = fit(sprat.nn.MLP(task.sizes, seed=seed), seed)
    dense = fit(half.copy(), seed + 100)
    models = {"dense, half as long": half, "dense": dense}
    models["90% zeros, anywhere"] = sparse(half.copy(), seed + 100)
    models["90% zeros, in panels"] = sparse(half.copy(), seed + 100, pattern="panels")
    models["90% zeros, 3 of every 32"] = sparse(half.copy(), seed + 100, pattern="n:32", layers=[0, 1])
    models["neurons, 70% fewer products"] = narrow(half.copy(), seed + 100)
    models["int8, dynamic"] = quantize_model(dense)
    models["int8, static"] = quantize_model(dense, task.train[0][:2048])
    four_bits = fit(dense.copy(), seed + 200, 3, task.lr / 10, qat=QATConfig("int4"))
    models["int4, trained for it"] = sprat.pack(four_bits, "int4", zeros="dense", plan="as asked")
    for name, model in models.items():
        packed = sprat.pack(model, plan="as asked") if isinstance(model, sprat.nn.MLP) else model
        products = sum(np.count_nonzero(layer.weight) for layer in packed.layers)
        score = 100 * sprat.evaluate(model, *task.test)[task.metric]
        rows.setdefault(name, []).append((score, products, packed.nbytes / 1e3))
print(f"{'mean of seeds':<28}{task.metric + ' x 100':>15}{'beside dense':>14}{'products':>10}{'kB':>8}")
for name, values in rows.items():
    score, products, size = np.mean(values, axis=0)
    print(f"{name:<28}{score:>15.2f}{score - np.mean(rows['dense'], 0)[0]:>+14.2f}{products:>10,.0f}{size:>8.0f}")
