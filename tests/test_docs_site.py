"""The documents as a site: strict, every page in the navigation, searched from disk without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages.browser import browser_page, needs_chromium

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning fails it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built_and_reached_from_the_navigation(site):
    start = (site / "index.html").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        path = page.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert (site / path).is_file()
        assert f'href="{path}"' in start, f"{path} is not in the navigation of the first page"


def test_no_page_loads_anything_from_elsewhere(site):
    loads = re.compile(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']?(https?:)?//""")
    for page in site.rglob("*.html"):
        found = [tag for tag in loads.finditer(page.read_text()) if 'rel="canonical"' not in tag[0]]
        assert not found, f"{page.name}: {found[0][0]}"


@needs_chromium
def test_the_site_opens_from_disk_and_finds_what_is_searched(site):
    with browser_page() as page:
        page.open((site / "index.html").as_uri())
        page.wait_for_text("Judge captures", "Troubleshooting")
        page.evaluate("document.querySelector('label[for=__search]').click()")
        page.evaluate(
            "(() => { const field = document.querySelector('.md-search__input'); field.focus();"
            " field.value = 'calibrate'; field.dispatchEvent(new InputEvent('input', {bubbles: true}));"
            " field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true})); })()"
        )
        page.wait_for("document.querySelectorAll('.md-search-result__item').length > 0", seconds=30)
        assert not [url for url in page.requests if url.startswith("http")]
        assert page.complaints == []


@needs_chromium
def test_a_notebook_and_the_results_show_their_pictures(site):
    with browser_page() as page:
        for path in ("results.html", "notebooks/02-read-the-results.html"):
            page.open((site / path).as_uri())
            page.wait_for("document.images.length > 0")
            page.wait_for("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        page.resize(400, 800)
        assert page.evaluate("document.documentElement.scrollWidth") <= 401
