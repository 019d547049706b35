"""Losses of training. Both take soft labels, as MixUp, CutMix and label smoothing make them."""

from typing import Any

import keras

from bloodcells.augmentation.policies import policy

VIEWS = 3
"""Views of each image under a policy with a consistency loss."""


def training_loss(policy_name: str, label_smoothing: float) -> keras.losses.Loss:
    """The loss that goes with a policy's batches."""
    consistency = policy(policy_name).consistency
    if consistency:
        return ConsistencyLoss(consistency, label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)


class ConsistencyLoss(keras.losses.Loss):
    """Cross-entropy of the first view plus the Jensen-Shannon divergence of all three, weighted.

    Source: Hendrycks et al. 2019, *AugMix*, arXiv:1912.02781, section 3 (weight 12). Where the views give equal
    predictions the divergence is 0 and the plain cross-entropy is left.

    Args:
        weight: the weight of the divergence.
        label_smoothing: share of the label spread over all classes, 0..1.
    """

    def __init__(self, weight: float, label_smoothing: float, **kwargs: Any) -> None:
        super().__init__(name="consistency", **kwargs)
        self.weight, self.label_smoothing = weight, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image: labels and probabilities (3 N, C), views one after another, to (N,)."""
        first_labels = keras.ops.split(y_true, VIEWS)[0]
        views = [keras.ops.clip(view, 1e-7, 1.0) for view in keras.ops.split(y_pred, VIEWS)]
        log_mixture = keras.ops.log(sum(views) / VIEWS)
        divergence = sum(keras.ops.sum(view * (keras.ops.log(view) - log_mixture), axis=-1) for view in views) / VIEWS
        entropy = keras.losses.categorical_crossentropy(first_labels, views[0], label_smoothing=self.label_smoothing)
        return entropy + self.weight * divergence
