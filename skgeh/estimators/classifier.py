"""The estimator for labels: log-odds for two classes, centred logits for more."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin

from skgeh.estimators.base import InteractionEstimator
from skgeh.geh.functions import evaluate, member_weights
from skgeh.geh.likelihoods import LEAST
from skgeh.geh.push_forward import BLOCK
from skgeh.geh.task import Learned
from skgeh.geh.views.units import InUnits
from skgeh.tables.rows import in_proportion
from skgeh.tables.table import Table

_MOST_CANDIDATES = 20_000  # rows from which the points for scores are chosen


class BayesianInteractionClassifier(ClassifierMixin, InteractionEstimator):
    """Find which pairs of features interact in the log-odds of labels, and how sure one can be.

    A Gaussian process and networks learn logits from labels. For two classes there is one logit,
    the log-odds of the second class; otherwise there is one per class, centred over classes.
    Interactions are mixed second derivatives of these logits, never of probabilities: their link
    function would turn main effects into interactions.

    Parameters
    ----------
    hidden_layer_sizes, activation, length_scale, main_effects, feature_groups
        As in `BayesianInteractionRegressor`.
    posterior : str or object of `skgeh.posteriors`, default="auto"
        As in `BayesianInteractionRegressor`; the noise is the share of the classes' entropy that
        the model leaves unexplained. A Gaussian process learns labels by Laplace's approximation.
    n_networks : int, default=4
        Number of networks trained together, each with its own held-out rows. They give predictions
        and the detection score.
    class_weight : {"balanced", None} or dict, default=None
        Weights of the classes, by which row weights are multiplied; "balanced" weights are
        inversely proportional to the sum of row weights in each class. They shift logits by
        constants.
    max_epochs, batch_size, learning_rate, validation_fraction, patience
        As in `BayesianInteractionRegressor`.
    n_groups, n_draws, callbacks, device, n_jobs, random_state, verbose
        As in `BayesianInteractionRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Labels.
    interactions_ : Interactions
        Strength, sign and uncertainty of every pair, computed on first access; for more than two
        classes, means over classes. Effects are in logits.
    features_, feature_groups_, n_groups_, posterior_, net_, history_, stacking_weights_
        As in `BayesianInteractionRegressor`; losses are in units of the entropy of the class
        shares.
    encoding_, n_features_in_, feature_names_in_
        As in `BayesianInteractionRegressor`.
    fit_quality_ : FitQuality
        Quality of predictions for rows that the model has not seen, compared with the class shares,
        an additive model and gradient boosting.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020. M. Newton, A. Raftery, "Approximate Bayesian inference with the weighted
    likelihood bootstrap", JRSS B 56, 1994.

    Examples
    --------
    >>> from skgeh import BayesianInteractionClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = np.where(4 * X[:, 0] * X[:, 2] + rng.logistic(size=400) > 0, "ill", "well")
    >>> model = BayesianInteractionClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> model.classes_.tolist(), model.predict_proba(X).shape
    (['ill', 'well'], (400, 2))
    >>> model.interactions_.top(1)
    [('x0', 'x2')]
    """

    def __init__(
        self,
        hidden_layer_sizes=None,
        activation=None,
        posterior="auto",
        *,
        n_networks=4,
        class_weight=None,
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
        self.class_weight = class_weight

    def _keep(self, table: Table, learned: Learned) -> None:
        """Set the classes, the posterior, and the points where labels are informative."""
        assert table.classes is not None  # the table was read with labels=True
        self.classes_, known = table.classes, learned.posterior
        # draws from networks that were not perturbed give the predictions
        self._predictive = getattr(known, "unperturbed", known)
        self._informative = self._informative_points(
            self._x_scaler.transform(table.X), table.weight
        )
        self.posterior_ = InUnits.centred(known) if known.n_outputs > 1 else known

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        most = self._log_probabilities(X).argmax(1)
        return self.classes_[most]

    def predict_proba(self, X):
        """Probability of every class, averaged over draws from the unperturbed posterior.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, C)
            In the order of `classes_`.
        """
        return np.exp(self._log_probabilities(X))

    def decision_function(self, X):
        """Logits of the mean probabilities.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, C)
            For two classes, the log-odds of the second; for more, logits that sum to 0.
        """
        logs = self._log_probabilities(X)
        if logs.shape[1] == 2:
            return logs[:, 1] - logs[:, 0]
        return logs - logs.mean(1, keepdims=True)

    def _informative_points(self, Z: NDArray, weight: NDArray) -> NDArray[np.float64]:
        """1000 rows in proportion to their labels' information, ``1 - sum p^2`` at mean logits.

        Where a class is certain, data say nothing about a logit, and derivatives are extrapolated.
        """
        rows = np.random.default_rng(self._seed).permutation(len(Z))[:_MOST_CANDIDATES]
        members = self._predictive.members()
        values = evaluate(members, Z[rows], max(self.n_networks, 16))
        values = np.average(values, axis=0, weights=member_weights(self._predictive))
        p = np.exp(_log_softmax(values))
        information = np.zeros(len(Z))
        information[rows] = weight[rows] * np.maximum(1 - (p**2).sum(1), LEAST)
        return Z[in_proportion(rows, information)]

    def _score_points(self, points: NDArray) -> NDArray[np.float64]:
        """Rows with informative labels, at which scores are computed."""
        if points is self._points:
            return self._informative
        return self._informative_points(points, np.ones(len(points)))

    def _log_probabilities(self, X: Any) -> NDArray[np.float64]:
        """Log of the class probabilities, averaged over draws, shape (n, C)."""
        blocks = []
        x = self._standardised(X)
        for logits in self._drawn(self._predictive, x, torch.float64):
            blocks.append(logsumexp(_log_softmax(logits), axis=0) - np.log(BLOCK))
        return logsumexp(blocks, axis=0) - np.log(len(blocks))

    def _check_parameters(self) -> None:
        """Raise an error if a parameter cannot be used."""
        super()._check_parameters()
        given = self.class_weight
        if not (
            given is None
            or isinstance(given, dict)
            or (isinstance(given, str) and given == "balanced")
        ):
            raise ValueError(
                "class_weight must be None, 'balanced' or a dict of weights by label; got "
                f"{given!r}."
            )

    def _output(self, target: Any) -> tuple[int | None, float]:
        """Index of a class's logit (None for all logits), and its sign."""
        if len(self.classes_) == 2 and target is None:
            return 0, 1.0
        if target is None:
            return None, 1.0
        found = np.flatnonzero(self.classes_ == target)
        if len(found) != 1:
            raise ValueError(
                f"target must be one of the classes {self.classes_.tolist()}, or None for all; got "
                f"{target!r}."
            )
        place = int(found[0])
        return (0, 2.0 * place - 1) if len(self.classes_) == 2 else (place, 1.0)

    def _target_scale(self, output: int | None) -> float:
        """Scale of logits, which have their own unit."""
        return 1.0

    @property
    def _unit_name(self) -> str:
        """Unit of the logits."""
        return "log-odds" if len(self.classes_) == 2 else "logit"


def _log_softmax(logits: NDArray) -> NDArray[np.float64]:
    """Log probabilities of the classes, (..., C), from one logit for two classes or one per class.

    Examples
    --------
    >>> np.exp(_log_softmax(np.array([[np.log(3.0)]]))).round(2).tolist()
    [[0.25, 0.75]]
    """
    if logits.shape[-1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    return logits - logsumexp(logits, axis=-1, keepdims=True)
