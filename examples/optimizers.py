"""Which optimizer? SGD and Adam are good defaults; here all of them meet on the same task with the same first weights."""

from sklearn.datasets import load_digits

import sprat

x, y = load_digits(return_X_y=True)
train, test = sprat.tabular.split(len(y), 0.3, stratify=y)
x = (x / 8 - 1).astype("float32")

optimizers = {
    "SGD": {"lr": 0.05},
    "SGD with momentum": {"lr": 0.05, "momentum": 0.9},
    "Adagrad": {"lr": 0.02},
    "RMSprop": {"lr": 0.002},
    "Adam": {"lr": 0.003},
    "AdamW": {"lr": 0.003, "weight_decay": 0.01},
    "NAdam": {"lr": 0.003},
    "Lion": {"lr": 0.001, "weight_decay": 0.01},
}
print(f"{'optimizer':20}{'loss, epoch 1':>14}{'loss, epoch 8':>14}{'test accuracy':>15}")
for name, options in optimizers.items():
    model = sprat.nn.MLP([64, 32, 10], seed=0)
    optimizer = getattr(sprat.optim, name.split()[0])(model, **options)
    history = sprat.fit(model, x[train], y[train], optimizer=optimizer, epochs=8, seed=0, progress=False)
    accuracy = sprat.evaluate(model, x[test], y[test])["accuracy"]
    print(f"{name:20}{history['loss'][0]:14.3f}{history['loss'][-1]:14.3f}{accuracy:15.1%}")
