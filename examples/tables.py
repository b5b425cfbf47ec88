"""From a CSV file to predictions: the encoder for columns, text and missing values travels with the model's file."""

import tempfile
from pathlib import Path

import numpy as np

import sprat

rng = np.random.default_rng(0)
folder = Path(tempfile.mkdtemp())

# A table as it comes: numbers, text, gaps. What a flat costs depends on its size, its city and a garden.
rows = 800
size = rng.uniform(20, 150, rows).round(1)
city = rng.choice(["Bergen", "Oslo", "Tromso"], rows)
garden = rng.random(rows) < 0.3
price = size * np.select([city == "Oslo", city == "Bergen"], [9.0, 6.0], 4.0) + 80 * garden + rng.normal(0, 10, rows)
size[rng.random(rows) < 0.05] = np.nan
sprat.tabular.write_table(folder / "flats.csv", {"size": size, "city": city, "garden": garden, "price": price.round(1)})

table = sprat.tabular.read_table(folder / "flats.csv")
train, test = sprat.tabular.split(rows, 0.25)
known = {name: column[train] for name, column in table.items()}
unseen = {name: column[test] for name, column in table.items()}

encoder = sprat.tabular.Encoder.fit(known, target="price")
print(encoder, "features:", ", ".join(encoder.feature_names))
model = sprat.nn.MLP([encoder.num_features, 32, 16, 1], seed=0)
model.encoder = encoder
sprat.fit(model, known, "price", epochs=60, lr=5e-3, early_stopping=10, validation=unseen, progress=False)
sprat.save(model, folder / "flats.safetensors")

predict = sprat.Predictor(folder / "flats.safetensors")  # the file knows columns, categories and units
scores = sprat.evaluate(predict, unseen)
print(f"on {len(test)} flats it has not seen: r2 {scores['r2']:.3f}, typical error {scores['mae']:.1f}")
new = {"city": ["Oslo", "Tromso", "Oslo"], "size": [80.0, 80.0, None], "garden": [False, True, False]}
print("80 m2 in Oslo, 80 m2 in Tromso with garden, Oslo of unknown size:", predict.predict(new).round())
