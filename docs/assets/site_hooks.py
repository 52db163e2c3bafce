"""Keep the site free of scripts from elsewhere: the offline search's helper is ours (frame-worker.js)."""

from __future__ import annotations

from typing import Any

FOREIGN = "https://unpkg.com/iframe-worker/shim"


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Name our own file instead, relative to the page."""
    return output.replace(FOREIGN, "../" * page.url.count("/") + "assets/frame-worker.js")


def on_post_template(output_content: str, *, template_name: str, config: Any) -> str:
    """The same on the page for addresses that are not there."""
    return output_content.replace(FOREIGN, "assets/frame-worker.js")
