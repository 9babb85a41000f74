"""Scores of pairs: what the data say for a pair, over what the model expects.

``Q / E[Q]`` with ``Q = sum_w o_w (phi_w' K0^-1 y)^2``: K0 is the covariance of the rows without the
pair, all other pairs being random, and o are the relative prior variances of the pair's columns.
Nothing is refitted, since leaving out a pair changes K^-1 by the size of the pair. Pairs and
triples that are no part of the model are scored in the same way by their own columns. Pairs of
copies of the same features are left out together, since each would explain what the other does.
"""

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.pairs import pair_index, to_matrix
from skgeh.process._linear_model import InRows
from skgeh.process._model import AnovaModel
from skgeh.process._products import Products, blocks, multiplied
from skgeh.process._variances import VARYING

FLOOR = 1e-12
COPY = 0.99  # correlation of the lines of two features from which on one is a copy of the other
MOST_COPIES = 24  # pairs that are left out together with a pair
LEAST_SHARE = 0.3  # of a typical variance
OF_TRIPLES = 2.0  # weight of the score by triples
MOST_COLUMNS = 3000  # of triples
PRODUCTS = 1e9  # multiplications for what is expected
MOST_OUTSIDE = 20_000  # products of pairs that are no part of the model
CHUNK = 3000  # columns that are scored together
LEAST_ROWS = 1000  # least number of rows for what is expected
LEAST_UNSHARED = 0.1  # share of a product that the model cannot explain, by some of the rows
MOST_PROJECTED = 1e8  # products and weights, times each other, that are compared


def score_pairs(posterior: AnovaModel) -> NDArray[np.float64]:
    """Score of every pair by its own columns plus twice that by triples that contain it, (P,).

    Noise drives variances of pairs to 0 or far up. For scores, none is below a share of a typical
    one, so that pairs do not gain by what others are denied.
    """
    posterior = posterior.with_least_variance(LEAST_SHARE)
    asked, expected = pair_evidence(posterior)
    scores = asked / np.maximum(expected, FLOOR)
    outside = np.setdiff1d(np.arange(len(scores)), list(posterior.products.sections))
    if len(outside):
        scores[outside] = score_outside(posterior, outside)
    asked, expected = triple_evidence(posterior)
    return scores + OF_TRIPLES * asked / np.maximum(expected, FLOOR)


def score_outside(posterior: AnovaModel, pairs: NDArray) -> NDArray[np.float64]:
    """Scores of pairs that are no part of the model, by products of their first functions."""
    products = posterior.products
    m = next(m for m in (3, 2, 1) if m == 1 or len(pairs) * m**2 <= MOST_OUTSIDE)
    sizes = np.array([basis.n_functions for basis in products.bases])
    weights = np.stack([np.resize(basis.weights[:m], m) for basis in products.bases])
    of, a, b = np.indices((len(pairs), m, m)).reshape(3, -1)
    i, j = pair_index(len(sizes))[pairs[of]].T
    there = (a < sizes[i]) & (b < sizes[j])
    of, a, b, i, j = (part[there] for part in (of, a, b, i, j))
    factors = np.stack([products.starts[i] + a, products.starts[j] + b])
    relative = weights[i, a] * weights[j, b]
    asked, expected = (
        np.bincount(of, relative * part, len(pairs)) for part in evidence(posterior, factors)
    )
    return asked / np.maximum(expected, FLOOR)


def pair_evidence(posterior: AnovaModel) -> tuple[NDArray, NDArray]:
    """Q and its expectation for every pair that has columns; 0 for the others, each (P,).

    Of a pair with finer products, these or the first ones, whichever say more.
    """
    products, solution = posterior.products, posterior.solution
    prior = posterior.variances[products.component] * products.relative
    varying = posterior.data.variances > VARYING
    place = np.full(len(products), -1)
    place[solution.active] = np.arange(len(solution.active))
    asked, expected = np.zeros((2, products.n_pairs))
    copies = pairs_of_copies(posterior)
    for k, section in products.sections.items():
        columns = np.arange(section.start, section.stop)
        columns = columns[varying[columns]]
        m = len(columns)
        if m == 0:
            continue
        for other in copies.get(k, ()):
            theirs = np.arange(len(products))[products.sections[other]]
            columns = np.append(columns, theirs[place[theirs] >= 0])
        inside = place[columns] >= 0
        own = place[columns[inside]]
        if inside.all():
            u, C = without(solution.mean[own], solution.covariance(own), prior[columns])
        else:
            u, C = solution.unexplained(columns)
            if inside.any():  # K still has some of the pair's columns
                half = C[:, inside] * np.sqrt(prior[columns[inside]])
                gain = np.linalg.solve(solution.covariance(own), half.T).T
                u, C = u + gain @ solution.mean[own], C + gain @ half.T
        own, o = products.component[columns[:m]], products.relative[columns[:m]]
        sums = [
            np.bincount(own - own.min(), o * part) for part in (u[:m] ** 2, C.diagonal()[:m])
        ]  # finer products are a component of their own, lest the first ones outweigh them
        best = np.argmax(sums[0] / np.maximum(sums[1], FLOOR))
        asked[k], expected[k] = (part[best] for part in sums)
    return asked, expected


def pairs_of_copies(posterior: AnovaModel) -> dict[int, list[int]]:
    """For pairs of the model, other pairs of it whose features are copies of theirs, if any."""
    products, seen = posterior.products, posterior.observed
    d = len(products.bases)
    there = np.flatnonzero([basis.n_functions > 0 for basis in products.bases])
    lines = products.values(seen.X[: LEAST_ROWS * 10])[products.starts[there]]
    alike = np.eye(d, dtype=bool)
    if len(there) > 1:
        alike[np.ix_(there, there)] |= np.abs(np.corrcoef(lines)) > COPY
    found: dict[int, list[int]] = {}
    if alike.sum() == d:
        return found
    places, pairs = to_matrix(np.arange(products.n_pairs), d), pair_index(d)
    for k in products.sections:
        i, j = (np.flatnonzero(alike[f]) for f in pairs[k])
        others = {int(places[a, b]) for a in i for b in j if a != b} - {k}
        if others := others & products.sections.keys():
            found[k] = sorted(others)[:MOST_COPIES]
    return found


def without(mean: NDArray, covariance: NDArray, prior: NDArray) -> tuple[NDArray, NDArray]:
    """``u = Phi' K0^-1 y`` and ``C = Phi' K0^-1 Phi`` from the posterior of a pair's weights.

    The precision of the posterior is ``C + V^-1``, and its mean solves ``(C + V^-1) w = u``. Mean
    and covariance are given for weights over the roots of their prior variances V.
    """
    root = np.sqrt(prior)
    precision = np.linalg.inv(covariance)
    u, C = precision @ mean / root, (precision - np.eye(len(root))) / np.outer(root, root)
    return u, C


def triple_evidence(posterior: AnovaModel) -> tuple[NDArray, NDArray]:
    """The same for all triples that contain a pair, each (P,); 0 if triples are too many."""
    products = posterior.products
    d = len(products.bases)
    asked, expected = np.zeros((2, products.n_pairs))
    trios, factors = triples(products)
    if len(trios):
        found = evidence(posterior, factors)
        places = to_matrix(np.arange(products.n_pairs), d)
        for two in combinations(range(3), 2):
            at = places[tuple(trios[:, two].T)]
            for total, of in zip((asked, expected), found, strict=True):
                np.add.at(total, at, of)
    return asked, expected


def triples(products: Products) -> tuple[NDArray, NDArray]:
    """Features (p, 3) and functions (3, p) of the columns of triples: lines and first waves."""
    d = len(products.bases)
    some = combinations(range(d if comb(d, 3) <= MOST_COLUMNS else 0), 3)
    trios = np.array(list(some), dtype=int).reshape(-1, 3)
    kinds = np.array(list(np.ndindex(2, 2, 2)))
    kinds = kinds if len(kinds) * len(trios) <= MOST_COLUMNS else kinds[:1]
    of, wave = np.repeat(trios, len(kinds), axis=0), np.tile(kinds, (len(trios), 1))
    sizes = np.array([basis.n_functions for basis in products.bases])
    there = (wave < sizes[of]).all(1)
    of, wave = of[there], wave[there]
    return of, (products.starts[of] + wave).T


def evidence(posterior: AnovaModel, factors: NDArray) -> tuple[NDArray, NDArray]:
    """``(phi' K^-1 y)^2`` and ``phi' K^-1 phi`` of products of functions, each of shape (p,).

    What is expected of many rows is taken from some of them.
    """
    seen, products = posterior.observed, posterior.products
    n, p = len(seen.y), factors.shape[1]
    chunks = list(blocks(p, CHUNK))
    moved = seen.weight * (seen.y - posterior.fitted) / posterior.noise_variance
    sums = np.zeros((2, p))
    for rows in blocks(n):
        values, both = products.values(seen.X[rows]), np.stack([moved[rows], seen.weight[rows]])
        for columns in chunks:
            sums[:, columns] += both @ multiplied(values, factors[:, columns]).T
    asked, centre = sums[0] ** 2, sums[1] / seen.weight.sum()
    size = len(posterior.solution.active) * p
    enough = LEAST_ROWS + int(PRODUCTS / (size + 1))
    if isinstance(posterior.solution, InRows):  # which needs every row
        enough = n
    some = np.sort(np.random.default_rng(0).permutation(n)[:enough])
    root = np.sqrt(seen.weight[some] * (n / len(some)))
    tables = [
        (products.values(seen.X[some[rows]]), root[rows]) for rows in blocks(len(some), LEAST_ROWS)
    ]
    known = [posterior.columns(values, scale) for values, scale in tables]

    def parts(columns: slice) -> Iterator[tuple[NDArray, NDArray]]:
        for (values, scale), Z in zip(tables, known, strict=True):
            phi = multiplied(values, factors[:, columns]) - centre[columns, None]
            yield Z, phi * scale

    expected = np.zeros(p)
    for columns in chunks:
        if size <= MOST_PROJECTED:
            expected[columns] = posterior.solution.expected(parts(columns))
        if size > MOST_PROJECTED or len(some) < n:  # some of the rows may show less than nothing
            least = 1 if size > MOST_PROJECTED else LEAST_UNSHARED
            of_own = least * posterior.unshared(parts(columns))
            expected[columns] = np.maximum(expected[columns], of_own)
    return asked, expected
