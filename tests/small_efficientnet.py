"""An EfficientNet of five blocks in the place of EfficientNetB3, for tests of what happens around a network.

TensorFlow takes a minute of processor time to trace a training step of EfficientNetB3, and ten seconds for this one.
Its layers have the same names and kinds, it halves the resolution as often, and it drops blocks as the large one does.
The file is written so that it can also stand in front of the ``network.py`` of a submission.
"""

from keras.src.applications import efficientnet

_PLAIN = {"kernel_size": 3, "repeats": 1, "expand_ratio": 1, "id_skip": True, "strides": 2, "se_ratio": 0}
_STAGES = [
    {**_PLAIN, "filters_in": 32, "filters_out": 16},
    {**_PLAIN, "filters_in": 16, "filters_out": 24, "repeats": 2, "expand_ratio": 2, "se_ratio": 0.25},
    {**_PLAIN, "filters_in": 24, "filters_out": 48, "kernel_size": 5},
    {**_PLAIN, "filters_in": 48, "filters_out": 384},
]


def small_efficientnet(include_top=True, weights=None, input_shape=None, pooling=None):
    """What ``keras.applications.EfficientNetB3`` is asked for, but for weights of ImageNet."""
    if weights == "imagenet":
        raise ValueError("the small backbone has no weights of ImageNet")
    return efficientnet.EfficientNet(
        1.0, 1.0, 300, blocks_args=_STAGES, name="efficientnetb3", include_top=include_top, weights=weights,
        input_shape=input_shape, pooling=pooling, weights_name="b3",
    )  # fmt: skip
