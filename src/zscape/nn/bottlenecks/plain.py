"""The bottleneck of an ordinary autoencoder."""

import keras

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck


@register_bottleneck("plain")
@keras.saving.register_keras_serializable("zscape")
class PlainBottleneck(Bottleneck):
    """The features (N, d) are the code: an ordinary autoencoder, with no prior and no penalty.

    References:
        Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks,
        Science 313, 2006.
    """

    linear_features = False
