"""The estimator for numbers, with one target or several."""

from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin

from skgeh.estimators._target_units import LogRatios, StandardUnits, TargetUnits
from skgeh.estimators.base import InteractionEstimator
from skgeh.geh.functions import evaluate, member_weights
from skgeh.geh.likelihoods import LOSSES, LogLink
from skgeh.geh.push_forward import Moments
from skgeh.geh.task import Learned
from skgeh.tables.messages import warn
from skgeh.tables.table import Table


class BayesianInteractionRegressor(RegressorMixin, InteractionEstimator):
    """Find which pairs of features interact, how strongly, and how sure one can be.

    A Gaussian process and a few networks with learned dropout (a Bayesian neural network) learn a
    posterior over smooth functions from the table, and are weighted by how well they predict rows
    that they have not seen. Every posterior draw is one smooth function. Its mixed second
    derivatives, averaged inside groups of nearby points, measure the interaction of every pair of
    features.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=None
        Units in each hidden layer; None means (100, 100, 100), or fewer where posterior="auto"
        finds that these would be wasted.
    activation : {"gelu", "softplus", "tanh", "silu", "logistic"}, default=None
        Smooth activation; None means "gelu". With a piecewise linear activation, there are no
        interactions to measure.
    posterior : str or object of `skgeh.posteriors`, default="auto"
        Family of the posterior: "auto", "concrete_dropout", "mean_field", "ensemble" or
        "gaussian_process". "auto" stacks a Gaussian process and networks with concrete dropout (see
        `skgeh.posteriors.Stacking`); where the process cannot be computed, it takes networks alone.
        An object brings its own architecture; `hidden_layer_sizes`, `activation` and `length_scale`
        must then be left at None.
    n_networks : int, default=4
        Number of networks trained together, each with its own held-out rows. They give predictions
        and the detection score. A Gaussian process ignores this and all other parameters of
        networks and training.
    length_scale : float, default=None
        Inverse prior standard deviation of the weights; None means ``sqrt(0.1 * fan_in)`` in each
        layer.
    main_effects : {"linear", "spline", None}, default="linear"
        Form of the main effects, which are modelled separately from the interactions.
    feature_groups : "auto", None, dict or sequence, default="auto"
        Columns that form one feature, such as the one-hot columns of a category: a dict from names
        to columns, or a sequence of groups of columns. "auto" finds one-hot columns by names such
        as those that a `ColumnTransformer` with ``set_output(transform="pandas")`` gives; None
        takes each column alone. The effect of two groups is the norm of their block of second
        derivatives. It is on the same scale as that of two columns, and has no sign. Tests and
        `GEHSelector` work on columns.
    max_epochs : int, default=55
        Number of epochs. An epoch is one pass over the rows, or 20 batches if that is less, so that
        large tables take 1100 steps by default.
    batch_size : int or "auto", default="auto"
        Rows per batch; "auto" means a tenth of the rows, at most 250.
    learning_rate : float, default=0.003
        Highest learning rate of Adam. Hidden matrices, which Muon moves, have 20/3 times this rate,
        and dropout logits 60 times.
    validation_fraction : float, default=0.1
        Share of the rows that each network holds out to measure the noise, at most 2000 rows.
    patience : int, default=None
        Epochs without improvement on the held-out rows before training stops and each network
        returns to its best state; None trains to the end.
    n_groups : int or "auto", default="auto"
        Number of groups of points (M) in the group expected Hessian; "auto" takes the smallest
        number, at least 8, after which the ranking settles.
    n_draws : int, default=400
        Number of posterior draws (K).
    loss : {"squared_error", "poisson", "gamma"}, default="squared_error"
        What is learned. "squared_error" learns the mean of numbers with constant noise. "poisson"
        (for counts and rates, at least 0) and "gamma" (for amounts above 0, whose spread grows with
        their mean) learn the **log** of the mean by the deviance of that law. Interactions are then
        those of the log, so factors that multiply the mean do not interact, and effects are on the
        log scale. The dispersion is estimated. Weights are exposures; see `fit`.
    callbacks : list of skorch callbacks, default=None
        Callbacks that watch or change the training.
    device : str, default="cpu"
        Device on which torch trains.
    n_jobs : int, default=None
        Jobs over blocks of posterior draws, by joblib. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Attributes
    ----------
    interactions_ : Interactions
        Strength, sign and uncertainty of every pair, computed on first access.
    features_ : tuple of Feature
        The features in original values: kinds, levels, and their encoded columns.
    feature_groups_ : dict of str to list of int
        Encoded columns of each feature.
    n_groups_ : int
        Number of groups of points in `interactions_`.
    posterior_ : RandomFunction
        The learned distribution over functions, in standard units.
    net_ : skorch.NeuralNet
        The trained networks as a stack of copies; raises AttributeError if there are none, as with
        a Gaussian process alone.
    history_ : skorch.history.History
        Losses per epoch: ``train_loss`` is the sum of the networks' losses, ``valid_loss`` their
        mean squared error on held-out rows, in squared standard deviations of the target, or
        their deviance in units of that of the mean.
    stacking_weights_ : dict of str to float
        Weights of the "process" and of the "networks"; raises AttributeError unless the posterior
        is stacked, as by default.
    noise_variance_ : float, or ndarray of shape (c,) for several targets
        Noise variance, in squared units of the target: the held-out mean squared error averaged
        over the networks, or the Gaussian process's own estimate. For the losses "poisson" and
        "gamma", the dispersion: a target of weight 1 has this variance times its mean, or times its
        squared mean. Poisson's law has dispersion 1.
    fit_quality_ : FitQuality
        Quality of predictions for rows that the model has not seen, compared with an additive model
        and with the mean. If it is poor, tables of interactions come with a warning. The first
        access also compares with gradient boosting, and warns if that predicts much better.
    encoding_ : Encoding
        What each given column was taken for (``encoding_.notes``), and the columns of numbers that
        it became (``encoding_.column_names``).
    n_features_in_ : int
        Number of columns given.
    feature_names_in_ : ndarray of shape (d,)
        Only if X has column names.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020. Y. Gal, J. Hron, A. Kendall, "Concrete Dropout", NIPS 2017.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(400, signal_to_noise=20, random_state=0)
    >>> model = BayesianInteractionRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> mean, std = model.predict(X, return_std=True)
    >>> mean.shape, std.shape
    ((400,), (400,))
    >>> model.interactions_.to_frame().columns[:4].tolist()
    ['feature_i', 'feature_j', 'score', 'effect']
    """

    def __init__(
        self,
        hidden_layer_sizes=None,
        activation=None,
        posterior="auto",
        *,
        n_networks=4,
        length_scale=None,
        main_effects="linear",
        feature_groups="auto",
        max_epochs=55,
        batch_size="auto",
        learning_rate=0.003,
        validation_fraction=0.1,
        patience=None,
        n_groups="auto",
        n_draws=400,
        loss="squared_error",
        callbacks=None,
        device="cpu",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation,
            posterior,
            n_networks=n_networks,
            length_scale=length_scale,
            main_effects=main_effects,
            feature_groups=feature_groups,
            max_epochs=max_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_fraction=validation_fraction,
            patience=patience,
            n_groups=n_groups,
            n_draws=n_draws,
            callbacks=callbacks,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss

    def _keep(self, table: Table, learned: Learned) -> None:
        """Set the posterior, the noise and the targets' units; warn about constant targets."""
        self._one_target, noise = table.targets is None, learned.noise_variance
        for column in table.constant_targets:
            which = "target" if self._one_target else f"target {column}"
            warn(
                f"The {which} is constant ({table.y[0, column]:g}): there is nothing to learn, and "
                "every interaction is noise. Check the target column."
            )
        likelihood = self._fit_sample.task.likelihood
        self._units: TargetUnits = (
            LogRatios.of(table, noise, likelihood)
            if isinstance(likelihood, LogLink)
            else StandardUnits.of(table, noise)
        )
        noise = self._units.noise
        self.noise_variance_ = float(noise[0]) if self._one_target else noise
        self.posterior_ = learned.posterior

    def predict(self, X, return_std=False):
        """Predict with the mean of the networks, without dropout, or of the Gaussian process.

        With a log link, the mean is that of the networks' expectations, not of their logs.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False
            Whether to return the standard deviation of a new observation too, which includes both
            the posterior and the noise. With a log link, the observation has weight 1.

        Returns
        -------
        mean : ndarray of shape (n,) or (n, c)
        std : ndarray in the shape of the mean, only if `return_std`
        """
        x = self._standardised(X)
        members = evaluate(self.posterior_.members(), x, self.n_networks, torch.float64)
        weights = member_weights(self.posterior_)
        mean = np.average(self._units.means(members), axis=0, weights=weights)
        shaped = mean[:, 0] if self._one_target else mean
        if not return_std:
            return shaped
        moments = Moments.none(*mean.shape)
        for values in self._drawn(self.posterior_, x, torch.float32):
            moments = moments.merged(Moments.of(self._units.means(values)))
        std = np.sqrt(moments.variance + self._units.variance(mean))
        return shaped, std[:, 0] if self._one_target else std

    def _check_parameters(self) -> None:
        """Raise an error if a parameter cannot be used."""
        super()._check_parameters()
        if self.loss not in LOSSES:
            known = ", ".join(map(repr, LOSSES))
            raise ValueError(f"loss must be one of {known}; got {self.loss!r}.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss != "squared_error"
        return tags

    def _output(self, target: Any) -> tuple[int | None, float]:
        """Index of a target's output (None for all outputs), and its sign, which is 1."""
        n_targets = self.posterior_.n_outputs
        if target is None:
            return (0 if n_targets == 1 else None), 1.0
        if target not in range(n_targets):
            raise ValueError(
                f"target must be a whole number from 0 to {n_targets - 1}, the index of one of the "
                f"targets, or None for all; got {target!r}."
            )
        return int(target), 1.0

    def _target_scale(self, output: int | None) -> float | None:
        """Unit of an output; None for the mean of several targets with different units."""
        if output is None:
            return 1.0 if isinstance(self._units, LogRatios) else None
        return float(self._units.scale[output])

    @property
    def _unit_name(self) -> str:
        """Unit of the outputs."""
        return "log ratio" if isinstance(self._units, LogRatios) else "units of the target"
