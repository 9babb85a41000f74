"""Mean field against concrete dropout: do intervals cover the true interaction effects?

The tables are the simulation of section 5.1 with as much noise as signal, judged as in the
benchmark `paper.figure_2`: coverage of the true 11-GEH by 95 % intervals, and of the signed group
means. Each posterior is drawn as it is, and from networks on perturbed targets. "Appendix" has the
settings of the paper's appendix 4: softplus, length scale 2e-5, learning rate 1e-3.
"""

from itertools import product

from benchmarks.paper.figure_2 import judged, one_table
from benchmarks.paper.simulated import QUICK, each
from skgeh.posteriors import ConcreteDropout, MeanField

SIZES = (20_000, 2000)
SEEDS = range(5200, 5205)
APPENDIX = MeanField(activation="softplus", length_scale=2e-5, n_perturbed=0)
POSTERIORS: dict[str, dict] = {
    "concrete dropout": {"posterior": ConcreteDropout(n_perturbed=0)},
    "concrete dropout, perturbed": {"posterior": ConcreteDropout()},
    "mean field": {"posterior": MeanField(n_perturbed=0)},
    "mean field, perturbed": {"posterior": MeanField()},
    "mean field, appendix": {"posterior": APPENDIX, "learning_rate": 1e-3},
}


def run(quick: bool = False) -> list[dict]:
    sizes, seeds, few = ((300,), SEEDS[:2], QUICK) if quick else (SIZES, SEEDS, {})
    cells = list(product(POSTERIORS, sizes))
    settings = [
        ("as published", n, 1.0, seed, POSTERIORS[name] | few)
        for (name, n), seed in product(cells, seeds)
    ]
    found = each(one_table, settings, quick)
    return [
        judged(name, n, 1.0, found[k * len(seeds) :][: len(seeds)])
        for k, (name, n) in enumerate(cells)
    ]
