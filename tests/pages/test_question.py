import numpy as np

from skgeh.pages._question import left_out, question, target_in_words
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def test_the_question_counts_rows_pairs_and_features():
    model, _, y = fitted("product")
    assert question(Reading.of(model, y)) == (
        "In a table of 300 rows, which of the 6 pairs of 4 features interact in their effect on "
        "price?"
    )


def test_rows_that_are_not_in_the_answer_are_counted():
    model, X, y = fitted("product")
    read = Reading.of(model, y)
    assert left_out(read, X) == left_out(read, None) == []
    more = np.vstack([X, X[:20]])
    assert "20 rows of 320 are not" in left_out(read, more)[0]
    assert "1 row of 301 is not" in left_out(read, more[:301])[0]
    assert "has 100 rows; the model learned from 300 rows" in left_out(read, X[:100])[0]


def test_a_target_in_words():
    model, _, y = fitted("product")
    words = target_in_words(Reading.of(model, y), y)
    assert words.startswith("price: from") and "standard deviation" in words
    assert target_in_words(Reading.of(model), None) == ""
    model, _, y = fitted("targets")
    assert target_in_words(Reading.of(model), y).count("mean") == 2


def test_classes_are_counted_with_and_without_their_labels():
    for kind in ("two classes", "three classes"):
        model, _, y = fitted(kind)
        read = Reading.of(model, y)
        names, counts = np.unique(y, return_counts=True)
        words = target_in_words(read, y)
        assert words == target_in_words(read, None)
        assert all(f"{name} ({n})" in words for name, n in zip(names, counts, strict=True))
