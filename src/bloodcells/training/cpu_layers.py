"""Two layers of Keras by ways that TensorFlow trains faster on a CPU, with the same results.

Of an EfficientNetB3's training step at 64 px, Keras' BatchNormalization takes a quarter, because it is made of eleven
elementwise operations where TensorFlow has one, and the gradient of the 5 x 5 depthwise kernels a fifth, because oneDNN
has its fast depthwise code for 3 x 3 only. ``tests/benchmarks/training_speed.py`` measures what the two gain.

The classes are named as those of Keras, so that a checkpoint of either network fits the other.
"""

from typing import Any

import keras

from bloodcells.environment import accelerators


def faster_on_cpu(network: keras.Model) -> keras.Model:
    """The network with these layers in place of Keras' own, weights kept; as it is on a GPU or another backend.

    Args:
        network: one of `network.build_network`, not compiled.
    """
    if keras.backend.backend() != "tensorflow" or accelerators():
        return network
    faster = keras.models.clone_model(network, clone_function=_replacement, recursive=True)
    faster.set_weights(network.get_weights())
    return faster


def _replacement(layer: keras.layers.Layer) -> keras.layers.Layer:
    made: Any = type(layer)
    if made is keras.layers.BatchNormalization:
        made = BatchNormalization
    elif made is keras.layers.DepthwiseConv2D:
        made = DepthwiseConv2D
    return made.from_config(layer.get_config())


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer over the last axis of (N, H, W, C) float32; in training by TensorFlow's fused operation."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """As Keras' own."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma.value, offset=self.beta.value, mean=[], variance=[], epsilon=self.epsilon
        )
        # The operation estimates the variance with n - 1; Keras keeps that with n.
        n = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance * (n - 1) / n)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' layer, (N, H, W, C) float32; the gradient of a 5 x 5 kernel is put together of four of 3 x 3."""

    def call(self, inputs: Any) -> Any:
        """As Keras' own."""
        if self.kernel_size != (5, 5) or self.use_bias or self.depth_multiplier != 1 or self.dilation_rate != (1, 1):
            return super().call(inputs)
        import tensorflow as tf

        stride, padding = self.strides[0], self.padding.upper()
        before_after = [[0, 0], *(_padding(size, 5, stride, padding) for size in inputs.shape[1:3]), [0, 0]]

        @tf.custom_gradient
        def convolved(x: Any, kernel: Any) -> Any:
            def gradient(dy: Any) -> Any:
                dx = tf.nn.depthwise_conv2d_backprop_input(tf.shape(x), kernel, dy, (1, stride, stride, 1), padding)
                return dx, _kernel_gradient(tf.pad(x, before_after), dy, stride)

            return tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), padding), gradient

        return convolved(inputs, self.kernel.value)


def _padding(size: int, kernel: int, stride: int, padding: str) -> list[int]:
    """Zeros before and after one dimension, as TensorFlow pads."""
    if padding == "VALID":
        return [0, 0]
    zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return [zeros // 2, zeros - zeros // 2]


def _kernel_gradient(padded: Any, dy: Any, stride: int) -> Any:
    """(5, 5, C, 1) of the padded input and the output's gradient: four blocks of 3 x 3 that meet in the middle."""
    import tensorflow as tf

    height, width, channels = (int(size) for size in dy.shape[1:])
    rows, columns = (stride * (size - 1) + 3 for size in (height, width))

    def block(row: int, column: int) -> Any:
        seen = padded[:, row : row + rows, column : column + columns]
        return tf.nn.depthwise_conv2d_backprop_filter(seen, (3, 3, channels, 1), dy, (1, stride, stride, 1), "VALID")

    above = tf.concat([block(0, 0), block(0, 2)[:, 1:]], axis=1)
    below = tf.concat([block(2, 0), block(2, 2)[:, 1:]], axis=1)
    return tf.concat([above, below[1:]], axis=0)
