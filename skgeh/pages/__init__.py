"""The report: what a table says about its pairs, on one page that can be passed on.

Answers: which features interact, how strongly, where, how sure this is, and what speaks against it.
In: a fitted estimator or `GEHSelector`, and its table. Out: one HTML file that needs no other.
Rests on `display`, `estimators`, `significance` and all layers below. Read `report.py` first, then
`_reading.py` and `templates/report.html`: every other file writes one section.
"""

from skgeh.pages.report import report

__all__ = ["report"]
