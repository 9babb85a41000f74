"""Estimators: scikit-learn's face of a posterior over networks."""

import warnings
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import narwhals as nw
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from skorch.history import History

from skgeh import networks
from skgeh.collinearity import exchangeable, warn_of_exchangeable
from skgeh.functions import evaluate
from skgeh.learning import Task, learn
from skgeh.measuring import measure
from skgeh.moments import Moments
from skgeh.networks.hybrid import Family, StackPosterior
from skgeh.networks.main_effects import MainEffects
from skgeh.posterior import Interactions
from skgeh.push_forward import BLOCK
from skgeh.quality import FitQuality
from skgeh.splits import counted_rows, point_rows
from skgeh.training import Rows, StackNet, train

MIN_ROWS = 8
PREDICT_DRAWS = 100


class BayesianInteractionRegressor(RegressorMixin, BaseEstimator):
    """Find which pairs of features interact, how strongly, and how sure one can be.

    A posterior over smooth functions is learned from the table: by a few networks with learned
    dropout (a Bayesian neural network), or, where rows are few or noisy, by a Gaussian process.
    Every posterior draw is one smooth function; its mixed second derivatives, averaged inside
    groups of nearby points, measure every pair of features.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=None
        Units in each hidden layer; None is (100, 100, 100). An architecture asks for networks:
        given one, posterior="auto" is concrete dropout.
    activation : {"gelu", "softplus", "tanh", "silu", "logistic"}, default=None
        Smooth activation; None is "gelu". A piecewise linear one has no interactions to measure.
    posterior : str or object of `skgeh.networks`, default="auto"
        Family of the posterior: "auto", "concrete_dropout", "mean_field", "ensemble",
        "gaussian_process" or "committee". "auto" looks at rows, features and noise: a committee,
        which is a Gaussian process whose ranking small networks share, for up to 1000 rows or below
        50,000 rows times signal to noise; concrete dropout above, and where the process cannot be
        computed. An object brings its own architecture, and `hidden_layer_sizes`, `activation` and
        `length_scale` have to be left at None.
    n_networks : int, default=4
        Networks trained together, each with its own held-out rows; predictions and the detection
        score are theirs. This and all that follows on networks and training has no part in a
        Gaussian process.
    n_perturbed : int, default=4
        Networks trained beside them on targets with as much noise added as the data have; draws,
        and so effects and intervals, are taken from these in turn. 0 draws from the others, whose
        intervals are too narrow where there is noise ("auto" does so below 3 % of it).
    length_scale : float, default=None
        Inverse prior standard deviation of the weights; None is ``sqrt(0.1 * fan_in)`` a layer.
    main_effects : {"linear", "spline", None}, default="linear"
        What is kept apart from the interactions.
    max_epochs : int, default=55
        Epochs: one pass over the rows each, or 20 batches of them where that is less, so that
        large tables take 1100 steps by default.
    batch_size : int or "auto", default="auto"
        Rows in a batch; "auto" is a tenth of the rows, at most 250.
    learning_rate : float, default=0.003
        Highest learning rate of Adam; hidden matrices, which Muon moves, take 20/3 times and
        dropout logits 60 times that rate.
    validation_fraction : float, default=0.1
        Share of the rows that each network holds out, at most 2000 rows, to measure the noise.
    patience : int, default=None
        Epochs without improvement on the held-out rows before training stops and each network
        returns to its best state; None trains to the end.
    n_groups : int or "auto", default="auto"
        Groups of points (M) in the group expected Hessian; "auto" takes the smallest number, from
        8 on, after which the ranking settles.
    n_draws : int, default=400
        Posterior draws (K).
    callbacks : list of skorch callbacks, default=None
        Watch or change the training.
    device : str, default="cpu"
        Where torch trains.
    n_jobs : int, default=None
        Jobs over blocks of posterior draws, by joblib. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.
    verbose : bool, default=False
        Show progress bars.

    Attributes
    ----------
    interactions_ : Interactions
        Strength, sign and uncertainty of every pair, computed when first asked for.
    n_groups_ : int
        Number of groups used by `interactions_`.
    posterior_ : RandomFunction
        The learned distribution over functions, in standard units.
    net_ : skorch.NeuralNet
        The trained networks as a stack of copies; AttributeError if there are none.
    history_ : skorch.history.History
        Losses by epoch: ``train_loss`` is the sum of the networks' losses, ``valid_loss`` their
        mean squared error on held-out rows, in squared standard deviations of the target.
    noise_variance_ : float
        In squared units of the target: held-out mean squared error, mean over the networks, or the
        Gaussian process's own estimate.
    fit_quality_ : FitQuality
        How well the model predicts rows that it has not seen, beside an additive model and beside
        the mean; tables of a model that does not are given with a warning.
    n_features_in_ : int
        Number of features.
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
        n_perturbed=4,
        length_scale=None,
        main_effects="linear",
        max_epochs=55,
        batch_size="auto",
        learning_rate=0.003,
        validation_fraction=0.1,
        patience=None,
        n_groups="auto",
        n_draws=400,
        callbacks=None,
        device="cpu",
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.posterior = posterior
        self.n_networks = n_networks
        self.n_perturbed = n_perturbed
        self.length_scale = length_scale
        self.main_effects = main_effects
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.n_groups = n_groups
        self.n_draws = n_draws
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Train the networks.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            At least 8 rows and 2 features, all numbers, none missing.
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None
            How often each row counts. Networks weigh the prior against their sum; in a Gaussian
            process the noise of a row has its variance divided by the weight, relative to the mean.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the table has missing values, too few rows or features, or a parameter is not one
            that can be used; the message says what was expected.
        """
        self.__dict__.pop("posterior_", None)  # a fit that fails leaves no fitted model
        self._check_parameters()
        polars = nw.dependencies.is_polars_dataframe(X)
        X, y = validate_data(
            self,
            X,
            y,
            dtype=np.float64,
            y_numeric=True,
            ensure_min_samples=MIN_ROWS,
            ensure_min_features=2,
        )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counted = counted_rows(weight, MIN_ROWS)
        X, y, weight = X[counted], y[counted].astype(np.float64), weight[counted]
        seeds = np.random.SeedSequence(check_random_state(self.random_state).randint(2**31 - 1))
        rows_seed, train_seed, self._seed = seeds.generate_state(3, np.uint32).tolist()
        self._frame_backend: Literal["pandas", "polars"] = "polars" if polars else "pandas"
        self._x_scaler = StandardScaler().fit(X, sample_weight=weight)
        self._y_scaler = StandardScaler().fit(y[:, None], sample_weight=weight)
        if np.ptp(y) == 0:
            warnings.warn(
                f"The target is constant ({y[0]:g}): there is nothing to learn, and every "
                "interaction below is noise. Check the target column.",
                UserWarning,
                stacklevel=2,
            )
        Z = self._x_scaler.transform(X)
        target = self._y_scaler.transform(y[:, None])
        task = Task(
            Z,
            target[:, 0],
            weight,
            n_networks=self.n_networks,
            n_perturbed=self.n_perturbed,
            validation_fraction=self.validation_fraction,
            train=lambda family, held_out, moves, seed: self._train(
                family, Z, target, weight, held_out, seed, moves=moves
            ),
        )
        learned = learn(self._network(), task, train_seed)
        held_out = learned.held_out
        self._points = Z[point_rows(held_out.rows, weight, np.random.default_rng(rows_seed))]
        self.fit_quality_ = FitQuality.of_fit(Z, task.y, weight, held_out, rows_seed)
        self.noise_variance_ = learned.noise_variance * float(self._y_scaler.scale_[0]) ** 2
        self._exchangeable = exchangeable(Z)
        self._net = learned.net
        self._interactions: Interactions | None = None
        self.posterior_ = learned.posterior
        return self

    def predict(self, X, return_std=False):
        """Predict by the mean of the networks, without dropout, or that of the Gaussian process.

        Parameters
        ----------
        X : array-like of shape (n, d)
        return_std : bool, default=False
            Return the standard deviation of a new observation too: that of the posterior and that
            of the noise together.

        Returns
        -------
        mean : ndarray of shape (n,)
        std : ndarray of shape (n,), only if `return_std`
        """
        x = self._standardised(X)
        scale, shift = self._y_scaler.scale_[0], self._y_scaler.mean_[0]
        members = evaluate(self.posterior_.members(), x, self.n_networks, torch.float64)
        mean = members.mean(0)[:, 0] * scale + shift
        if not return_std:
            return mean
        generator = torch.Generator().manual_seed(self._seed)
        moments = Moments.none(len(x))
        for first in range(0, PREDICT_DRAWS, BLOCK):
            function = self.posterior_.draw(BLOCK, generator, first=first)
            moments = moments.merged(Moments.of(evaluate(function, x, BLOCK)[:, :, 0]))
        return mean, np.sqrt(moments.variance * scale**2 + self.noise_variance_)

    @property
    def net_(self) -> StackNet:
        """The trained networks as a stack of copies."""
        check_is_fitted(self, "posterior_")
        if self._net is None:
            raise AttributeError(
                "There are no networks: this model is a Gaussian process. Ask posterior_ instead, "
                "or fit with posterior='concrete_dropout'."
            )
        return self._net

    @property
    def history_(self) -> History:
        """Losses by epoch."""
        return self.net_.history

    @property
    def interactions_(self) -> Interactions:
        """Interactions at held-out rows, computed when first asked for."""
        check_is_fitted(self, "posterior_")
        if self._interactions is None:
            self._interactions = self._measure(self._points, self.n_groups, self.n_draws)
            self._warn(self._interactions, stacklevel=2)
        return self._interactions

    @property
    def n_groups_(self) -> int:
        """Number of groups of `interactions_`."""
        return len(self.interactions_.group_weights)

    def interactions(
        self, X: Any = None, *, n_groups: int | str | None = None, n_draws: int | None = None
    ) -> Interactions:
        """Measure the interactions elsewhere, or otherwise grouped.

        Parameters
        ----------
        X : array-like of shape (n, d), default=None
            Points to average over, all of them (the number of groups and the scores are decided
            on 1000 of them); by default up to 1000 rows of the training table, held-out ones
            first, in proportion to their weights.
        n_groups : int or "auto", default=None
            The estimator's own if None.
        n_draws : int, default=None
            The estimator's own if None.

        Returns
        -------
        Interactions

        Warns
        -----
        UserWarning
            If the model predicts rows that it has not seen no better than their mean, or worse than
            main effects alone (see ``fit_quality_``); if one of the first five pairs may stand for
            others, since some features nearly determine each other.
        """
        check_is_fitted(self, "posterior_")
        n_groups = self.n_groups if n_groups is None else n_groups
        n_draws = self.n_draws if n_draws is None else n_draws
        check_scalar(n_draws, "n_draws", Integral, min_val=2)
        check_auto(n_groups, "n_groups")
        points = self._points if X is None else self._standardised(X)
        found = self._measure(points, n_groups, n_draws)
        self._warn(found, stacklevel=2)
        return found

    def _warn(self, found: Interactions, stacklevel: int) -> None:
        """Say what speaks against believing a table."""
        self.fit_quality_.warn(stacklevel + 1)
        warn_of_exchangeable(found, self._exchangeable, stacklevel + 1)

    def _check_parameters(self) -> None:
        """Refuse parameters that cannot be used, in words."""
        check_scalar(self.n_networks, "n_networks", Integral, min_val=1)
        check_scalar(self.n_perturbed, "n_perturbed", Integral, min_val=0)
        check_scalar(self.max_epochs, "max_epochs", Integral, min_val=1)
        check_scalar(self.n_draws, "n_draws", Integral, min_val=2)
        inside = partial(check_scalar, target_type=Real, min_val=0, include_boundaries="neither")
        inside(self.learning_rate, "learning_rate")
        inside(self.validation_fraction, "validation_fraction", max_val=1)
        if self.patience is not None:
            check_scalar(self.patience, "patience", Integral, min_val=1)
        check_auto(self.batch_size, "batch_size")
        check_auto(self.n_groups, "n_groups")
        self._network()
        MainEffects(self.main_effects)

    def _network(self) -> BaseEstimator:
        """The family of the posterior, with its architecture if it has one."""
        names = ("hidden_layer_sizes", "activation", "length_scale")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        network, own = self.posterior, False
        if isinstance(network, str) and network in networks.FAMILIES:
            # an architecture asks for networks
            kind = networks.FAMILIES["concrete_dropout" if network == "auto" and given else network]
            own = issubclass(kind, Family)
            network = kind(**given) if own else kind()
        elif isinstance(network, tuple(networks.FAMILIES.values())):
            network = clone(network)
        else:
            known = ", ".join(repr(name) for name in networks.FAMILIES)
            raise ValueError(
                f"posterior must be {known} or an object of skgeh.networks; got {self.posterior!r}."
            )
        if given and not own:
            raise ValueError(
                f"posterior={self.posterior!r} brings its own architecture, but {given} came "
                "beside it. Set these on the posterior, and leave them at None here."
            )
        network.check()
        return network

    def _train(
        self,
        network: Family,
        Z: NDArray,
        target: NDArray,
        weight: NDArray,
        held_out: NDArray,
        seed: int,
        *,
        training: NDArray | None = None,
        moves: torch.Tensor | None = None,
    ) -> tuple[StackNet, StackPosterior]:
        """Train a stack of networks, in standard units: one for each line of `held_out`.

        Each trains on its line of `training`, by default on all rows that it does not hold out, and
        on the target or, if `target` has shape (S, n, 1), on its own; `moves` are added to it, in
        units of the copy's noise.
        """
        if training is None:
            training = np.stack([np.setdiff1d(np.arange(len(Z)), rows) for rows in held_out])
        n_rows = training.shape[1] + held_out.shape[1]
        main = MainEffects(self.main_effects).fit(Z)
        on_device = partial(torch.as_tensor, dtype=torch.float32, device=self.device)
        counts = (weight / weight.mean())[:, None]
        table = main.inputs(Z).to(self.device), on_device(target), on_device(counts)
        moved = None if moves is None else on_device(moves)
        batch_size = (
            min(250, max(1, n_rows // 10)) if self.batch_size == "auto" else self.batch_size
        )
        net = train(
            network,
            Rows(*table, training, Rows(*table, held_out), moved),
            n_features=Z.shape[1],
            main_columns=main.columns,
            n_samples=float(weight.sum()) * n_rows / len(Z),
            max_epochs=self.max_epochs,
            batch_size=min(batch_size, training.shape[1]),
            learning_rate=self.learning_rate,
            patience=self.patience,
            callbacks=self.callbacks or [],
            device=self.device,
            verbose=self.verbose,
            seed=seed,
        )
        stack = net.module_.to("cpu")
        # no connections from features that never vary
        stack.silence(torch.from_numpy(np.ptp(Z, axis=0) == 0))
        return net, stack.posterior(main.basis)

    def _standardised(self, X: Any) -> NDArray[np.float64]:
        """New rows in the units of the posterior."""
        check_is_fitted(self, "posterior_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._x_scaler.transform(X)

    def _measure(self, points: NDArray, n_groups: int | str, n_draws: int) -> Interactions:
        """Interactions at some points, in standard units."""
        names = [f"x{i}" for i in range(self.n_features_in_)]
        return measure(
            self.posterior_,
            points,
            n_groups=n_groups,
            n_draws=n_draws,
            feature_names=getattr(self, "feature_names_in_", names),
            feature_scales=self._x_scaler.scale_,
            target_scale=float(self._y_scaler.scale_[0]),
            frame_backend=self._frame_backend,
            seed=self._seed,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )


def check_auto(value: Any, name: str) -> None:
    """Accept "auto" or a whole number from 1."""
    if not (isinstance(value, str) and value == "auto"):
        check_scalar(value, name, Integral, min_val=1)
