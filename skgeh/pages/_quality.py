"""How well the model predicts, beside a constant, main effects and boosting, in words."""

from dataclasses import dataclass

import numpy as np

from skgeh.pages._answer import is_deviance
from skgeh.pages._numbers import percent
from skgeh.pages._reading import Reading


@dataclass(frozen=True)
class Quality:
    """Quality of fit.

    Parameters
    ----------
    rows : list of (str, str)
        Each model, and the share that it explains.
    explained : str
        What it is a share of.
    verdict : list of str
    note : str
    """

    rows: list[tuple[str, str]]
    explained: str
    verdict: list[str]
    note: str

    @classmethod
    def of(cls, reading: Reading) -> "Quality":
        """Put `fit_quality_` in words."""
        found = reading.model.fit_quality_
        explained = "deviance" if is_deviance(reading) else "variance"
        rows = [
            ("This model", percent(found.r2)),
            ("Main effects alone", percent(found.r2_main_effects)),
        ]
        if np.isfinite(found.r2_boosting):
            rows.append(("Gradient boosting", percent(found.r2_boosting)))
        verdict = []
        gain, error = found.over_main_effects
        if not found.explains:
            verdict.append(
                "The model predicts no better than a constant. Do not trust its interactions."
            )
        elif not found.believable:
            verdict.append(
                "The model predicts worse than main effects alone. Do not trust its interactions."
            )
        elif gain > 2 * error:
            verdict.append("The model predicts better than main effects alone: interactions help.")
        else:
            verdict.append(
                "The model predicts about as well as main effects alone: interactions, if there "
                "are any, hardly help to predict."
            )
        if found.misses:
            verdict.append(
                "Boosting predicts better: there may be interactions that this model has missed, "
                "such as those with jumps or of many features."
            )
        elif np.isfinite(found.r2_boosting) and found.explains:
            verdict.append("Boosting does not predict clearly better.")
        shares = found.r2, found.r2_main_effects, found.r2_boosting
        negative = min(np.nan_to_num(shares)) < 0
        note = "A share below 0 means: worse than a constant." if negative else ""
        return cls(rows, explained, verdict, note)
