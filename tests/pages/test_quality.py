from dataclasses import replace

import pytest

from skgeh.pages._quality import Quality
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


class _Stub:
    """A reading of a model with a given quality."""

    classes, is_log = None, False

    def __init__(self, found):
        self.model = self
        self.fit_quality_ = found


@pytest.fixture
def good():
    return fitted("product")[0].fit_quality_


def test_a_good_fit(good):
    found = Quality.of(Reading.of(fitted("product")[0]))
    assert dict(found.rows)["This model"] == f"{100 * good.r2:.0f}%"
    assert "better than main effects alone" in found.verdict[0] and found.explained == "variance"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"over_mean": (0.0, 0.1)}, "no better than a constant"),
        ({"over_main_effects": (-0.5, 0.1)}, "worse than main effects alone"),
        ({"over_main_effects": (0.01, 0.1)}, "about as well as main effects"),
        ({"over_boosting": (-0.5, 0.1)}, "Boosting predicts better"),
    ],
)
def test_other_fits(good, changed, words):
    assert words in " ".join(Quality.of(_Stub(replace(good, **changed))).verdict)


def test_what_was_not_asked_is_not_shown(good):
    found = Quality.of(_Stub(replace(good, r2_boosting=float("nan"))))
    assert len(found.rows) == 2 and not found.note
    assert Quality.of(_Stub(replace(good, r2_main_effects=-0.1))).note
