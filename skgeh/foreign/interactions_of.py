"""Interactions of models trained elsewhere, between inputs or between units of a hidden layer."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state, check_scalar
from skorch import NeuralNet
from torch import Tensor, nn

from skgeh.foreign._hidden_layer import named, outputs, split
from skgeh.foreign._modules import like_weights, posterior_of
from skgeh.geh.functions import RandomFunction, evaluate, member_weights
from skgeh.geh.interactions import Interactions
from skgeh.geh.measure import Axes, Question, measure
from skgeh.geh.units import Units
from skgeh.geh.views.blocks import Blocks, GroupedPosterior
from skgeh.geh.views.units import InUnits
from skgeh.posteriors.dropout_layers import frozen
from skgeh.tables.column_groups import joined_features
from skgeh.tables.encoding import Encoding, unique_names
from skgeh.tables.frames import Backend, backend_of
from skgeh.tables.messages import warn
from skgeh.tables.reading import Reading
from skgeh.tables.rows import MAX_POINTS

_N_DRAWS = 400


def interactions_of(
    model: Any,
    X: Any,
    *,
    layer: str | None = None,
    target: int | None = None,
    logits: bool = False,
    n_groups: int | str = "auto",
    n_draws: int | None = None,
    feature_names: Sequence[str] | None = None,
    feature_groups: Any = "auto",
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> Interactions:
    """Interactions between the inputs of a trained model, or between units of a hidden layer.

    Parameters
    ----------
    model : torch.nn.Module, skorch.NeuralNet, callable, list of these, Pipeline or RandomFunction
        Of a fitted pipeline that ends in a network, the steps before make the network's inputs of
        X, which is then the frame that the pipeline reads. A list is an ensemble. Modules are
        copied and put into evaluation mode. If they have dropout layers (``nn.Dropout``,
        `skgeh.posteriors.ConcreteDropoutLayer`), a draw fixes one mask per layer for all rows. A
        callable maps a float32 tensor (n, ...) to (n,) or (n, c). A posterior of `skgeh.posteriors`
        is used as it is.
    X : array-like of shape (n, d) or (n, ...)
        Points to average over, in the model's own units. If there are more than 1000 rows, 1000 of
        them are drawn. The entries of images are features, in the order of ``ravel``.
    layer : str, default=None
        Name of a hidden layer of a single module, as in ``module.named_modules()``. Its units are
        the features, and groups are clusters of their values. The part of the network below it
        stays at its mean.
    target : int, default=None
        Output to use. By default effects and scores are means over all outputs, each divided by
        its standard deviation.
    logits : bool, default=False
        Whether the outputs are logits of classes. If so, their mean over classes is subtracted,
        because the data say nothing about it.
    n_groups : int or "auto", default="auto"
        Number of clusters of points, inside which second derivatives are averaged.
    n_draws : int, default=None
        Number of posterior draws; by default 400, or each model once if its draws are all equal.
    feature_names : sequence of str, default=None
        By default the columns of a data frame, those that come out of a pipeline's steps, x0, x1,
        ..., or for a layer unit 0, unit 1, ...
    feature_groups : "auto", None, dict or sequence, default="auto"
        Columns that are one feature, as in `BayesianInteractionRegressor`: one-hot columns of a
        category are found by their names. Not for units of a layer, nor for images.
    n_jobs : int, default=None
        Number of joblib's jobs over blocks of draws.
    random_state : int, RandomState instance or None, default=None
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Returns
    -------
    Interactions
        In units of the standard deviations of the features and of the outputs at `X`. For one model
        without dropout, `std` is 0, because there is no posterior.

    Raises
    ------
    ValueError
        If the model has a piecewise linear activation such as ReLU, whose second derivative is zero
        almost everywhere; if the layer is unknown; or if the network has a way around it.

    Warns
    -----
    UserWarning
        If every effect is exactly 0.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, "Learning Global Pairwise Interactions with Bayesian Neural
    Networks", ECAI 2020, Sections 4 and 5.3.

    Examples
    --------
    >>> X = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> found = interactions_of(lambda x: x[:, 0] * x[:, 2] + x[:, 1], X, n_groups=2)
    >>> found.top(1), found.draws.shape
    ([('x0', 'x2')], (1, 3))
    """
    _check_counts(n_groups, n_draws)
    if isinstance(model, Pipeline):
        model, X = _after_its_steps(model, X)
    inputs, names, backend = _read(X, feature_names if layer is None else None)
    rng = check_random_state(random_state)
    inputs = inputs[rng.permutation(len(inputs))[:MAX_POINTS]]
    models, points = _all_callables(model), torch.as_tensor(inputs, dtype=torch.float32)
    if layer is not None:
        models, points = _at_layer(models, layer, points)
        names = _unit_names(points, layer, feature_names)
    if len(names) < 2:
        raise ValueError(f"Pairs need at least two features; got {len(names)}.")
    posterior = _posterior_of_models(models, points)
    values = points.flatten(1).numpy().astype(np.float64)
    units_of, target_scale = _standard_units(posterior, values, target, logits)
    standard = (values - units_of.centre.numpy()) / units_of.scale.numpy()
    if n_draws is None:
        n_draws = getattr(posterior, "n_functions", None) or _N_DRAWS
    own, view, scales = InUnits.of(posterior, units_of), None, units_of.scale.numpy()
    if layer is None and points.ndim == 2:
        features = joined_features(feature_groups, Encoding.of(_named_frame(values, names)), values)
        if len(features) < len(names):
            view = GroupedPosterior(own, Blocks.of_features(features, standard))
            names = tuple(one.name for one in features)
            firsts = scales[[one.columns[0] for one in features]]
            scales = np.where([one.is_number for one in features], firsts, 1.0)
    found = measure(
        own,
        standard,
        Question(n_groups, n_draws, None, int(rng.randint(2**31)), n_jobs, verbose),
        Axes(names, scales, target_scale, backend),
        view=view,
    )
    if not found.effect.any():
        warn(
            "Every second derivative is exactly 0: the model is additive or piecewise linear (as "
            "with ReLU) in these features. Units of a layer right before a linear output do not "
            "interact; name the layer before it."
        )
    return found


def exemplars(model: Any, layer: str, pool: Any, *, k: int = 10) -> NDArray[np.intp]:
    """Inputs from a pool that activate each unit of a hidden layer most.

    They show what the unit responds to.

    Parameters
    ----------
    model : torch.nn.Module or skorch.NeuralNet
        Dropout is off.
    layer : str
        Name of the layer, as in ``module.named_modules()``.
    pool : array-like of shape (n, ...)
        Inputs to choose from.
    k : int, default=10
        Number of inputs per unit.

    Returns
    -------
    ndarray of shape (units, k)
        Rows of the pool for each unit, the largest activation first.

    References
    ----------
    T. Cui, P. Marttinen, S. Kaski, ECAI 2020, Section 5.3: activation maximisation with the
    empirical distribution of inputs as the expert.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Tanh(), nn.Linear(2, 1))
    >>> net[0].weight.data = torch.tensor([[1.0], [-1.0]])
    >>> exemplars(net, "1", [[0.0], [3.0], [-5.0]], k=2).tolist()
    [[1, 0], [2, 0]]
    """
    inputs, _, _ = _read(pool, None)
    if not 0 < k <= len(inputs):
        raise ValueError(
            f"k must lie between 1 and {len(inputs)}, the number of inputs in the pool; got {k}."
        )
    module = _as_callable(model)
    if not isinstance(module, nn.Module):
        raise TypeError(f"model must be a torch module or a skorch net; got {model!r}.")
    x = like_weights(torch.as_tensor(inputs, dtype=torch.float32), module)
    units = outputs(module, named(module, layer), x).flatten(1)
    return units.topk(k, dim=0).indices.T.cpu().numpy()


def _after_its_steps(pipeline: Pipeline, X: Any) -> tuple[Any, Any]:
    """The last step of a fitted pipeline, and its inputs, with their names."""
    if len(pipeline) == 1:
        return pipeline[-1], X
    steps = pipeline[:-1]
    found = steps.transform(X)
    if hasattr(found, "columns"):
        return pipeline[-1], found
    found = np.asarray(found.todense() if hasattr(found, "todense") else found)
    try:
        names = [str(name) for name in steps.get_feature_names_out()]
    except (AttributeError, ValueError):  # some transformers have no names
        return pipeline[-1], found
    return pipeline[-1], _named_frame(found, names)


def _named_frame(values: NDArray, names: Sequence[str]) -> pd.DataFrame:
    """Numbers (n, d) as a data frame whose names may come twice in what was given."""
    return pd.DataFrame(values, columns=list(unique_names(names)))


def _read(X: Any, feature_names: Sequence[str] | None) -> tuple[NDArray, tuple[str, ...], Backend]:
    """Inputs (n, ...) as float64, a name for each of their entries, and the kind of data frame."""
    backend = backend_of(X)
    columns = getattr(X, "columns", None)
    if isinstance(X, Tensor):
        X = X.detach().cpu().numpy()
    if columns is not None:
        read = Reading.of(X)
        others = [
            name
            for name, column in zip(read.names, read, strict=True)
            if column.held not in ("numbers", "booleans")
        ]
        if others:
            raise ValueError(
                f"A network reads numbers; {', '.join(others)} of X hold others. Pass the whole "
                "pipeline that encodes them, or the encoded table."
            )
    inputs = check_array(X, dtype=np.float64, allow_nd=True, ensure_min_samples=2)
    size = int(np.prod(inputs.shape[1:]))
    names = feature_names if feature_names is not None else columns
    names = [f"x{j}" for j in range(size)] if names is None else [str(name) for name in names]
    if len(names) != size:
        raise ValueError(
            f"There are {size} features, but {len(names)} feature_names. Give one name per feature."
        )
    return inputs, tuple(names), backend


def _check_counts(n_groups: int | str, n_draws: int | None) -> None:
    """Refuse numbers of groups or draws that are not positive integers."""
    if n_groups != "auto":
        check_scalar(n_groups, "n_groups", Integral, min_val=1)
    if n_draws is not None:
        check_scalar(n_draws, "n_draws", Integral, min_val=1)


def _at_layer(models: Sequence[Any], layer: str, x: Tensor) -> tuple[list[Any], Tensor]:
    """The head above a layer as the only model, and the layer's outputs as its points."""
    if len(models) > 1 or not isinstance(models[0], nn.Module):
        raise ValueError(
            "layer= needs one torch module or skorch net; got several models or a model without "
            "layers. Pass one module, or leave layer out."
        )
    units, head = split(models[0], layer, like_weights(x, models[0]))
    return [head], units.float().cpu()


def _unit_names(units: Tensor, layer: str, given: Sequence[str] | None) -> tuple[str, ...]:
    """Names of a layer's units."""
    size = units[0].numel()
    if given is not None and len(given) != size:
        raise ValueError(
            f"Layer {layer!r} has {size} units, but there are {len(given)} feature_names. Give one "
            "name per unit."
        )
    return tuple(map(str, given)) if given is not None else tuple(f"unit {j}" for j in range(size))


def _all_callables(model: Any) -> list[Any]:
    """The models of a list, or the only model, as callables."""
    models = [_as_callable(one) for one in (model if isinstance(model, list | tuple) else [model])]
    if not models:
        raise ValueError("An ensemble must have at least one model; got an empty list.")
    return models


def _as_callable(model: Any) -> Any:
    """A frozen copy of a module or of a skorch net's module; other callables as they are."""
    if isinstance(model, NeuralNet):
        if not getattr(model, "initialized_", False):
            raise ValueError("The skorch net is not trained. Call its fit or load_params first.")
        model = model.module_
    if isinstance(model, nn.Module):
        return frozen(model)
    if callable(model) or _is_random_function(model):
        return model
    raise TypeError(
        "model must be a torch module, a skorch net, a function of a tensor, a list of these, or a "
        f"posterior of skgeh.posteriors; got {type(model).__name__}."
    )


def _is_random_function(model: Any) -> bool:
    """Whether a model is a `RandomFunction`, which can be drawn from as it is."""
    return all(hasattr(model, name) for name in ("draw", "members", "n_features", "n_outputs"))


def _posterior_of_models(models: Sequence[Any], points: Tensor) -> RandomFunction:
    """One random function for all models."""
    random = [_is_random_function(model) for model in models]
    if not any(random):
        return posterior_of(models, points)
    if len(models) > 1:
        raise ValueError("A posterior of skgeh.posteriors must be passed alone, not in a list.")
    (posterior,) = models
    if posterior.n_features != points[0].numel():
        raise ValueError(
            f"The posterior has {posterior.n_features} features, but X has {points[0].numel()}."
        )
    return posterior


def _standard_units(
    posterior: RandomFunction, values: NDArray, target: int | None, logits: bool
) -> tuple[Units, float]:
    """Units of one standard deviation of features and outputs at the points; 1 if constant."""
    scale = values.std(0)
    scale[scale == 0] = 1
    c = posterior.n_outputs
    if target is not None and not 0 <= target < c:
        raise ValueError(f"target must lie between 0 and {c - 1}, the last output; got {target}.")
    readout = np.eye(c) - 1 / c if logits and c > 1 else np.eye(c)
    readout = readout if target is None else readout[:, [target]]
    members = evaluate(posterior.members(), values.astype(np.float32), 1)
    answers = np.average(members, axis=0, weights=member_weights(posterior)) @ readout
    spread = answers.std(0)
    spread[spread == 0] = 1
    centre = torch.from_numpy(values.mean(0))
    units = Units(centre, torch.from_numpy(scale), torch.from_numpy(readout / spread))
    return units, float(spread[0]) if len(spread) == 1 else 1.0
