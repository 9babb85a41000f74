"""The pages as headless Chromium lays them out: wide and narrow, light and dark."""

import html
import json
import re
import shutil
import subprocess
import tempfile

import pytest

from tests.pages.models import written

NAMES = "chromium", "chromium-browser", "google-chrome"
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
WIDTHS = 1280, 390
SHOWN = "hostile", "nothing", "three classes", "few rows", "words"
LEAST_CONTRAST = 4.5  # WCAG AA, for text of normal size
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # small in containers
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",  # the wrapper looks into its frames
    "--enable-logging=stderr",  # the console
    "--window-size=1400,900",
]

# What a wrapper page finds in each of its frames, as soon as all of them are there
LOOK = """
const channel = c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
function ground(element, view) {
  for (let e = element; e; e = e.parentElement) {
    const c = parts(view.getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
  return [255, 255, 255];
}
function look(frame) {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.scrollingElement;
  const wide = () => root.scrollWidth;
  const closed = { width: wide(), height: root.scrollHeight };
  page.querySelectorAll("details").forEach(d => { d.open = true; });
  let worst = [99, ""];
  for (const e of page.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length) continue;
    const a = light(parts(view.getComputedStyle(e).color)), b = light(ground(e, view));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 80)];
  }
  const cut = [...page.body.querySelectorAll("h1, h2, h3, p, li, dt, dd, summary, nav")]
    .filter(e => e.getClientRects().length && e.getBoundingClientRect().right > view.innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 80));
  return {
    id: frame.id, inner: view.innerWidth, closed,
    open: { width: wide(), height: root.scrollHeight },
    worst, cut, background: view.getComputedStyle(page.body).backgroundColor,
    text: page.body.innerText.length,
    pictures: [...page.images].map(i => ({
      alt: i.alt, done: i.complete && i.naturalWidth > 0,
      width: i.getBoundingClientRect().width, height: i.getBoundingClientRect().height })),
  };
}
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(look);
  document.getElementById("findings").textContent = JSON.stringify(found);
});
"""


def chromium(*arguments):
    # the profile is a folder of its own; helpers of the browser may write there to the last moment
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module", params=["light", "dark"])
def findings(request, folder):
    """By kind of page and width, and the lines of the console."""
    if BROWSER is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)}")
    frames = [
        f'<iframe id="{kind}|{width}" src="{written(kind, folder).name}" '
        f'style="border:0;width:{width}px;height:900px"></iframe>'
        for kind in SHOWN
        for width in WIDTHS
    ]
    wrapper = folder / f"wrapper_{request.param}.html"
    body = f'{"".join(frames)}<pre id="findings"></pre><script>{LOOK}</script>'
    wrapper.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{body}", encoding="utf-8")
    scheme = "--blink-settings=preferredColorScheme=" + ("0" if request.param == "dark" else "1")
    done = chromium(scheme, "--dump-dom", wrapper.as_uri())
    found = re.search(r'<pre id="findings">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    frames = {one["id"]: one for one in json.loads(html.unescape(found[1]))}
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return request.param, frames, console


def test_every_page_was_seen_at_every_width(findings):
    _, frames, _ = findings
    assert {(kind, width) for kind in SHOWN for width in WIDTHS} == {
        (one["id"].split("|")[0], one["inner"]) for one in frames.values()
    }
    assert all(one["text"] > 1000 for one in frames.values())


def test_no_page_is_wider_than_its_window(findings):
    _, frames, _ = findings
    for name, one in frames.items():
        assert one["closed"]["width"] <= one["inner"], name
        assert one["open"]["width"] <= one["inner"], name
        assert not one["cut"], name


def test_the_console_is_silent(findings):
    assert not findings[2]


def test_every_picture_is_there_and_has_its_text(findings):
    _, frames, _ = findings
    for name, one in frames.items():
        assert len(one["pictures"]) >= (0 if name.startswith("few rows") else 2)
        for picture in one["pictures"]:
            assert picture["done"] and len(picture["alt"]) > 20, name
            assert picture["width"] > 150 and picture["height"] > 100, name


def test_pages_have_sane_heights(findings):
    _, frames, _ = findings
    for name, one in frames.items():
        assert 1000 < one["closed"]["height"] < 25_000, name
        assert one["open"]["height"] > one["closed"]["height"], name


def test_text_can_be_read_in_both_colour_schemes(findings):
    scheme, frames, _ = findings
    for name, one in frames.items():
        assert one["worst"][0] >= LEAST_CONTRAST, (name, one["worst"])
        lightness = sum(map(int, re.findall(r"\d+", one["background"])[:3])) / 3
        assert (lightness < 60) if scheme == "dark" else (lightness > 200)


def test_a_page_prints(folder):
    if BROWSER is None:
        pytest.skip(f"there is no browser: none of {', '.join(NAMES)}")
    target = folder / "printed.pdf"
    chromium(f"--print-to-pdf={target}", written("hostile", folder).as_uri())
    content = target.read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert content.startswith(b"%PDF") and 2 <= pages <= 20
