"""Figure 4 and appendix 5: what the strongest pairs of three real tables look like.

These are the three pairs that lead table 2 by the mean rank of their effects. The model of its
first seed gives its mean prediction over a plane of two features, with 50 rows keeping their other
values. The means of the target over the rows nearest to each point of the plane are drawn next to
it. The plane has 24 values per feature, from its 1 % to its 99 % quantile, or all of them where
there are no more. "Joint" is the standard deviation of the predicted plane without its row and
column means, over that of the target. It is the part of the picture that is not the sum of two
curves.
"""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.paper import table_2
from benchmarks.paper.real_data import Table, names, table
from benchmarks.paper.simulated import PAGES, each
from skgeh import BayesianInteractionRegressor

SHOWN, VALUES, ROWS = 3, 24, 50


def run(quick: bool = False) -> list[dict]:
    shown = [(name, place) for name in names(quick) for place in leading(name, quick)]
    by_table = each(planes, [(name, leading(name, quick)) for name in names(quick)], quick)
    drawn = [plane for found in by_table for plane in found]
    picture = draw(shown, drawn)
    if not quick:
        picture.savefig(PAGES / "figure_4.png", dpi=90)
    return [described(*one, plane) for one, plane in zip(shown, drawn, strict=True)]


def leading(name: str, quick: bool) -> tuple[int, ...]:
    """Places of the pairs that lead table 2."""
    rank = table_2.ranks(table_2.fits(name, quick)["effect"]).mean(0)
    return tuple(np.argsort(rank, kind="stable")[:SHOWN].tolist())


def planes(name: str, places: tuple[int, ...]) -> list[dict]:
    """The predicted and the measured plane of each pair, with the values of its features."""
    data, seed = table(name), table_2.SEEDS[0]
    rows, _ = data.split(seed)
    model = data.estimator(seed).fit(data.X[rows], data.y[rows])
    return [plane(data, model, rows, *data.pairs[place]) for place in places]


def plane(data: Table, model: BayesianInteractionRegressor, rows: NDArray, i: int, j: int) -> dict:
    x, y = grid(data.X[:, i]), grid(data.X[:, j])
    some = np.broadcast_to(data.X[rows[:ROWS]], (len(x), len(y), ROWS, data.X.shape[1])).copy()
    some[..., i], some[..., j] = x[:, None, None], y[:, None]
    predicted = model.predict(some.reshape(-1, data.X.shape[1])).reshape(len(x), len(y), ROWS)
    return {
        "x": x,
        "y": y,
        "predicted": predicted.mean(2),
        "measured": cell_means(nearest(x, data.X[:, i]), nearest(y, data.X[:, j]), data.y),
    }


def grid(values: NDArray) -> NDArray:
    different = np.unique(values)
    if len(different) <= VALUES:
        return different
    return np.linspace(*np.quantile(values, [0.01, 0.99]), VALUES)


def nearest(places: NDArray, values: NDArray) -> NDArray[np.intp]:
    """Index of the place nearest to each value; places rise."""
    return np.searchsorted((places[1:] + places[:-1]) / 2, values)


def cell_means(row: NDArray, column: NDArray, y: NDArray) -> NDArray:
    """Mean of y in every cell, NaN where there is none."""
    shape = row.max() + 1, column.max() + 1
    flat, size = row * shape[1] + column, shape[0] * shape[1]
    with np.errstate(invalid="ignore"):
        return (np.bincount(flat, y, size) / np.bincount(flat, minlength=size)).reshape(shape)


def described(name: str, place: int, plane: dict) -> dict:
    data, values = table(name), plane["predicted"]
    joint = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    return {
        "data": name,
        "pair": data.name(place),
        "lowest prediction": float(values.min()),
        "highest prediction": float(values.max()),
        "joint": float(joint.std() / data.y.std()),
        "share of the plane with data": float(np.isfinite(plane["measured"]).mean()),
    }


def draw(shown: list[tuple], drawn: list[dict]) -> Figure:
    tables = list(dict.fromkeys(name for name, _ in shown))
    figure = Figure(figsize=(5.2 * len(tables), 2.2 * SHOWN), layout="constrained")
    axes = figure.subplots(SHOWN, 2 * len(tables), squeeze=False)
    for k, ((name, place), plane) in enumerate(zip(shown, drawn, strict=True)):
        pair = axes[k % SHOWN, 2 * (k // SHOWN) :][:2]
        i, j = table(name).pairs[place]
        for ax, what in zip(pair, ("predicted", "measured"), strict=True):
            low, high = np.nanquantile(plane[what], [0.02, 0.98])  # a rare value has no colours
            image = ax.pcolormesh(plane["x"], plane["y"], plane[what].T, vmin=low, vmax=high)
            figure.colorbar(image, ax=ax).ax.tick_params(labelsize="x-small")
            ax.set_xlabel(table(name).features[i], fontsize="small")
            ax.tick_params(labelsize="x-small")
        pair[0].set_ylabel(table(name).features[j], fontsize="small")
    for k, name in enumerate(tables):
        axes[0, 2 * k].set_title(f"{name}: predicted", fontsize="medium")
        axes[0, 2 * k + 1].set_title("data", fontsize="medium")
    return figure
