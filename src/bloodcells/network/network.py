"""The one builder of the network. It travels in the submission zip and imports nothing of the kit.

Weights are stored without the architecture (``.weights.h5``), because a file that holds both does not
load in an older Keras; whoever loads them builds the network here first.
"""

import keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BACKBONE = "efficientnetb3"


def build_network(image_size: int, working_size: int, classes: int, dropout: float = 0.2) -> keras.Model:
    """EfficientNetB3 (Tan and Le 2019, arXiv:1905.11946) with a softmax head, without weights.

    The preprocessing is part of the network and explicit: ``keras.applications`` inserts one more layer
    when it is asked for ImageNet weights, so that weights saved from one variant load into the other in
    silence and give other outputs.

    Args:
        image_size: height and width of the images that come in, pixels.
        working_size: height and width at which the backbone sees them; resized inside if it differs.
        classes: number of classes.
        dropout: share of the pooled features dropped while training, 0..1.

    Returns:
        A model from (N, image_size, image_size, 3) pixels 0..255 to (N, classes) probabilities, float32.
    """
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = pixels
    if working_size != image_size:
        x = keras.layers.Resizing(working_size, working_size, interpolation="bilinear", name="resizing")(x)
    # The backbone divides by 255 itself, so the standardisation is written for 0..255 values that stay there.
    x = keras.layers.Rescaling(
        [1 / std for std in IMAGENET_STD],
        [-255 * mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)],
        name="standardisation",
    )(x)
    backbone = keras.applications.EfficientNetB3(
        include_top=False, weights=None, input_shape=(working_size, working_size, 3), pooling="avg"
    )
    x = backbone(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    probabilities = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(pixels, probabilities, name="bloodcells")
