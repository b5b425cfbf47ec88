"""Losses: the mean over a batch, and its gradient with respect to the outputs, in one native call.

===============  ==============================================================================================
name             loss of a row with outputs z (logits) and target t
===============  ==============================================================================================
cross_entropy    - sum_c w_c t'_c log softmax(z)_c,  t' = (1 - label_smoothing) t + label_smoothing / classes
bce_with_logits  - mean_c (pos_weight_c t_c log sigmoid(z_c) + (1 - t_c) log(1 - sigmoid(z_c)))
mse              mean_c (z_c - t_c)^2
mae              mean_c \\|z_c - t_c\\|
huber            mean_c of d^2 / 2 where \\|d\\| <= delta, else delta (\\|d\\| - delta / 2),  d = z_c - t_c
distillation     alpha T^2 KL(softmax(teacher / T) || softmax(z / T)) + (1 - alpha) hard loss
===============  ==============================================================================================

A loss is called as ``value, grad_output = loss(output, target, sample_weight)``; any callable with this signature can
stand in its place. The value is the mean over the rows, as ``reduction="mean"`` of torch:

- with sample weights u, sum_i u_i l_i / sum_i u_i;
- cross-entropy with class ids and class weights w, sum_i u_i w_(t_i) l_i / sum_i u_i w_(t_i) (l_i before weighting);
- cross-entropy with shares of classes, sum_i u_i l_i / sum_i u_i with the weights inside l_i.

Weights that sum to 0 and batches without rows are refused, since they have no mean.

Non-finite outputs: a NaN makes the value and the gradient of its row NaN. A +infinity logit does so in softmax, while
-infinity there is a class of probability 0: it costs nothing unless the target has a share in it, and infinitely much
if so. In bce_with_logits an infinite logit is certainty: it costs 0 when right, infinity when wrong, and its gradient
is finite. Results have the same bits on every instruction set and number of threads.
"""

from __future__ import annotations

from ._base import Loss, from_config, get
from .classification import BCEWithLogits, CrossEntropy
from .distillation import Distillation
from .regression import MAE, MSE, Huber

__all__ = ["MAE", "MSE", "BCEWithLogits", "CrossEntropy", "Distillation", "Huber", "Loss", "from_config", "get"]
