import math

from skgeh.symbolic._monitor import overfits, switch_of_phases


def test_the_switch_of_phases():
    epochs = [0, 1, 2, 3, 4]
    assert switch_of_phases(epochs, [5, 3, 2, 2.1, 3]) == 2
    assert switch_of_phases(epochs, [5, 3, 2, 1.5, 1.4]) is None  # still falling
    assert switch_of_phases(epochs, [1, 2, 3, 4, 5]) is None  # never fell
    assert switch_of_phases(epochs, [5, math.nan, 2, 3, math.nan]) == 2
    assert switch_of_phases([], []) is None
    assert switch_of_phases([0], [math.nan]) is None


def test_a_warning_of_over_fitting():
    def record(epoch, total, gap):
        return {"epoch": epoch, "total": total, "gap": gap, "test_loss": 1.0}

    before = record(3, 1.0, 0.1)
    assert overfits([before, record(9, 2.0, 0.5)], 3)
    assert not overfits([before, record(9, 0.9, 0.5)], 3)
    assert not overfits([before, record(9, 2.0, 0.15)], 3)
    assert not overfits([before, record(9, 2.0, math.nan)], 3)
