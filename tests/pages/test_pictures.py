import base64
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl

from skgeh.pages import _pictures
from skgeh.pages._pictures import overview
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def pictures(kind):
    model, _, y = fitted(kind)
    return overview(Reading.of(model, y))


def content(picture):
    return base64.b64decode(picture.source.split("base64,")[1])


def test_drawings_have_their_own_text_and_size():
    for kind in ("product", "hostile"):
        for picture in pictures(kind):
            root = ElementTree.fromstring(content(picture))
            width = float(root.attrib["width"].removesuffix("pt"))
            assert abs(width * 4 / 3 - picture.width) <= 1
            assert any(one.tag.endswith("}text") for one in root.iter())
    names = "".join(ElementTree.fromstring(content(picture)).itertext())
    assert "<script>" in names  # as text


def test_a_large_drawing_becomes_pixels_of_the_same_size(monkeypatch):
    drawn = pictures("product")
    monkeypatch.setattr(_pictures, "_LARGEST", 0)
    for pixels, lines in zip(pictures("product"), drawn, strict=True):
        assert content(pixels).startswith(b"\x89PNG")
        assert abs(pixels.width - lines.width) <= 2 and abs(pixels.height - lines.height) <= 2


def test_the_same_model_gives_the_same_pictures():
    assert pictures("product") == pictures("product")


def test_numbers_are_told():
    model, _, _ = fitted("product")
    effect = model.interactions_.to_frame()["effect"][0]
    assert all(f"a \u00d7 b {effect:.3g}" in one.alt for one in pictures("product"))


def test_nothing_to_draw_without_tests():
    assert pictures("few rows") == []


def test_settings_come_back_after_an_error():
    before = dict(mpl.rcParams)
    try:
        with _pictures._plain_style():
            raise ValueError
    except ValueError:
        pass
    assert dict(mpl.rcParams) == before
