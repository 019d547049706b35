"""The one builder of the network. It travels in the submission zip and imports nothing of the kit.

Weights are stored without the architecture (``.weights.h5``), because a file that holds both does not
load in an older Keras; whoever loads them builds the network here first.
"""

from dataclasses import dataclass, field
from typing import Any

import keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_PER_DEVIATION = tuple(1 / std for std in IMAGENET_STD)
_FROM_MEAN = tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))
_OWN_PREPROCESSING_OFF = {"include_preprocessing": False}


@dataclass(frozen=True)
class Backbone:
    """What the kit must know of one network of ``keras.applications``.

    Attributes:
        scale: of the pixels 0..255, for each channel or for all.
        offset: added after it; together they give what the network's ImageNet weights have learned from.
        taps: layers whose activations, averaged over the image, tell wrong labels: the widest before each halving of
            the resolution (`suspicion.pooled_features`).
        block: pattern of the residual block's name in the name of a layer; layers that drop have rates that rise from
            block to block. Empty where the network has none.
        options: of the builder.
    """

    scale: tuple[float, ...] | float
    offset: tuple[float, ...] | float
    taps: tuple[str, ...]
    block: str = r"block\d[a-z]"
    options: dict[str, Any] = field(default_factory=dict)


# EfficientNet divides by 255 itself and cannot be told not to: its standardisation is of 0..255 values that stay there.
_EFFICIENTNET = Backbone(
    _PER_DEVIATION,
    tuple(-255 * mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),
    tuple(f"block{block}a_expand_activation" for block in (2, 3, 4, 5, 6)),
)
_V2_TAPS = (
    "block1a_project_activation", "block2b_expand_activation", "block4a_expand_activation",
    "block6a_expand_activation",
)  # fmt: skip
BACKBONES = {
    "EfficientNetB0": _EFFICIENTNET,
    "EfficientNetB2": _EFFICIENTNET,
    "EfficientNetB3": _EFFICIENTNET,
    "EfficientNetV2B0": Backbone(
        tuple(scale / 255 for scale in _PER_DEVIATION), _FROM_MEAN, _V2_TAPS, options=_OWN_PREPROCESSING_OFF
    ),
    "EfficientNetV2S": Backbone(1 / 128, -1.0, _V2_TAPS, options=_OWN_PREPROCESSING_OFF),
    "ConvNeXtTiny": Backbone(
        tuple(scale / 255 for scale in _PER_DEVIATION),
        _FROM_MEAN,
        tuple(f"convnext_tiny_stage_{stage}_block_{last}_gelu" for stage, last in enumerate((2, 2, 8))),
        r"stage_\d_block_\d",
        _OWN_PREPROCESSING_OFF,
    ),
    "MobileNetV3Large": Backbone(
        1 / 127.5,
        -1.0,
        tuple(f"expanded_conv_{block}_depthwise_pad" for block in (1, 3, 6, 12)),
        "",
        _OWN_PREPROCESSING_OFF,
    ),
}
"""The backbones that the kit is tested with, by their names in ``keras.applications``."""
DEFAULT_BACKBONE = "EfficientNetB3"
"""The product's own, and that of every file that names none."""


def build_network(
    image_size: int, working_size: int, classes: int, dropout: float = 0.2, backbone: str = DEFAULT_BACKBONE
) -> keras.Model:
    """A backbone with a softmax head, without weights; by default EfficientNetB3 (Tan and Le 2019, arXiv:1905.11946).

    The preprocessing is part of the network and explicit: ``keras.applications`` inserts one more layer
    when it is asked for ImageNet weights, so that weights saved from one variant load into the other in
    silence and give other outputs. It computes in float32 whatever Keras' dtype policy is.

    Args:
        image_size: height and width of the images that come in, pixels.
        working_size: height and width at which the backbone sees them; resized inside if it differs.
        classes: number of classes.
        dropout: share of the pooled features dropped while training, 0..1.
        backbone: a name of ``BACKBONES``.

    Returns:
        A model from (N, image_size, image_size, 3) pixels 0..255 to (N, classes) probabilities, float32.
    """
    known = BACKBONES[backbone]
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = pixels
    if working_size != image_size:
        resizing = keras.layers.Resizing(
            working_size, working_size, interpolation="bilinear", dtype="float32", name="resizing"
        )
        x = resizing(x)
    x = keras.layers.Rescaling(known.scale, known.offset, dtype="float32", name="standardisation")(x)
    features = getattr(keras.applications, backbone)(
        include_top=False, weights=None, input_shape=(working_size, working_size, 3), pooling="avg", **known.options
    )
    x = _with_drops(features)(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    probabilities = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(pixels, probabilities, name="bloodcells")


def backbone_of(network: keras.Model) -> keras.Model:
    """The backbone in what `build_network` gives: from (N, S, S, 3) standardised pixels to (N, F) pooled features."""
    return next(layer for layer in network.layers if isinstance(layer, keras.Model))


def _with_drops(backbone: keras.Model) -> keras.Model:
    """``backbone`` with a layer that drops where ConvNeXt, made without stochastic depth, has one that does nothing.

    Its rate is for whoever trains to set. It is not 0 here: such a layer has no generator, and could never drop.
    """

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name.endswith("_identity"):
            return keras.layers.Dropout(0.2, noise_shape=(None, 1, 1, 1), name=layer.name)
        return type(layer).from_config(layer.get_config())

    if not any(layer.name.endswith("_identity") for layer in backbone.layers):
        return backbone
    return keras.models.clone_model(backbone, clone_function=replaced)
