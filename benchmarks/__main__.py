"""Run benchmarks: ``python -m benchmarks [name ...] [--quick]``."""

import argparse
from importlib import import_module

import torch
from threadpoolctl import threadpool_limits

from benchmarks.measure import report

NAMES = (
    "fixed_fits",
    "house",
    "kernels",
    "memory",
    "speed",
    "frames",
    "frames_level",
    "million",
    "any_network",
    "training",
    "group_curve",
    "group_choice",
    "simulation",
    "wide",
    "level",
    "crossfit_calibration",
    "intervals",
    "rows_needed",
    "screening",
    "permutation",
    "downstream",
    "peers",
    "default_ranking",
    "counts",
    "stability",
    "real_tables",
    "crossover",
    "classification",
    "mean_field",
    "mnist_pairs",
    "paper.figure_1",
    "paper.figure_2",
    "paper.figure_3_roc",
    "paper.figure_3_curve",
    "paper.table_1",
    "paper.table_2",
    "paper.figure_4",
    "paper.figure_5",
    "paper.figure_10",
    "symbolic_speed",
    "symbolic_split",
    "symbolic_ratio",
    "symbolic_sparsity",
    "symbolic_dynamics",
    "symbolic_pairs",
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is kept")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown benchmarks {sorted(unknown)}; choose from {', '.join(NAMES)}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name in options.names or NAMES:
            module = import_module(f"benchmarks.{name}")
            title = module.__doc__.splitlines()[0]
            with threadpool_limits(1):  # numpy's and scipy's too, now that they are loaded
                rows = module.run(quick=options.quick)
            report(name, title, rows, f"python -m benchmarks {name}", keep=not options.quick)
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
