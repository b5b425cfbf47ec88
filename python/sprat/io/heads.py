"""What every kind of model carries beside its numbers: the loss it was trained with, class names, a table's encoder."""

from __future__ import annotations

from typing import Any

from .layout import Fields

_LOSSES = ("cross_entropy", "bce_with_logits", "mse", "mae", "huber")


def write(model: Any) -> dict[str, Any]:
    """Configuration of a model's head."""
    return {
        "loss": model.loss_name,
        "class_names": None if model._class_names is None else [str(name) for name in model._class_names],
        "encoder": None if model.encoder is None else model.encoder.config(),
    }


def read(fields: Fields, in_features: int, out_features: int) -> dict[str, Any]:
    """Prove the head's configuration: loss_name, class_names, encoder."""
    loss = fields.optional_text("loss", among=_LOSSES)
    names = None
    if (given := fields.any("class_names")) is not None:
        names = tuple(Fields({"class_names": given}, "the configuration").names("class_names"))
        _check_classes(len(names), out_features)
    config = fields.any("encoder")
    encoder = None
    if config is not None:
        from ..tabular import Encoder

        encoder = Encoder.from_config(config)
        if encoder.num_features != in_features:
            raise ValueError(f"the encoder gives {encoder.num_features} features, the model takes {in_features}")
        _check_classes(len(encoder.class_names or ()), out_features)
    return {"loss_name": loss, "class_names": names, "encoder": encoder}


def _check_classes(classes: int, out_features: int) -> None:
    if classes > max(out_features, 2):
        raise ValueError(f"there are names of {classes} classes, but {out_features} outputs")


def attach(model: Any, head: dict[str, Any]) -> None:
    """Give a model what ``read`` found."""
    for name, value in head.items():
        setattr(model, name, value)
