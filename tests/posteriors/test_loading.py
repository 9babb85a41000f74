import numpy as np
import pytest
import torch

import skgeh
from skgeh.posteriors import ConcreteDropout, load_concrete_dropout
from tests.foreign.oracles import D, points

ONES = [np.ones((5, 4)), np.ones((1, 5))]


def test_somebody_elses_concrete_dropout_network():
    """Against a stack of the package's own with the same weights."""
    own = ConcreteDropout((5, 3), activation="tanh").build(D, 1, 1, (0, D), seed=0)
    with torch.no_grad():
        for logit in own.logits:
            logit.copy_(torch.linspace(-2, 0, logit.numel()).view_as(logit))
        own.main.fill_(0.3)
    posterior = load_concrete_dropout(
        [weight[0].T for weight in own.weights],
        [bias[0, 0].detach().numpy() for bias in own.biases],
        [logit[0, 0] for logit in own.logits],
        activation="tanh",
        main_effects=own.main[0, :, 0],
    )
    x = torch.randn(9, D)
    theirs = own.posterior(None)
    torch.testing.assert_close(posterior.members()(x), theirs.members()(x))
    one, other = (p.draw(5, torch.Generator().manual_seed(0))(x) for p in (posterior, theirs))
    torch.testing.assert_close(one, other)
    found = skgeh.interactions_of(posterior, points(), n_groups=2, n_draws=30, random_state=0)
    assert found.draws.shape == (30, 6)
    assert (found.std > 0).all()


@pytest.mark.parametrize(
    ("weights", "biases", "logits", "main", "said"),
    [
        ([np.ones((5, 4))], [np.ones(5)], [np.ones(4)], None, "two or more"),
        ([ONES[0], ONES[1].T], [np.ones(5)] * 2, [0.0, 0.0], None, "must have weights"),
        (ONES, [np.ones(5), np.ones(1)], [np.ones(3), 0], None, "logit"),
        (ONES, [np.ones(5), np.ones(1)], [0, 0], np.ones(3), "main"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit(weights, biases, logits, main, said):
    with pytest.raises(ValueError, match=said):
        load_concrete_dropout(weights, biases, logits, activation="tanh", main_effects=main)
