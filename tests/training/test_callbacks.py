import numpy as np
import pytest

from bloodcells.errors import KitError
from bloodcells.training.callbacks import StopOnNaN


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_and_names_epoch_and_step(loss):
    guard = StopOnNaN()
    guard.on_epoch_begin(4)
    guard.on_train_batch_end(0, {"loss": 0.3})
    with pytest.raises(KitError, match=f"the loss became {loss} in epoch 5, step 18. "):
        guard.on_train_batch_end(17, {"loss": loss})
