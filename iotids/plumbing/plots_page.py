"""Make DVC's plots page work without a network: a page template that carries the drawing scripts itself.

`python -m iotids.plumbing.plots_page PAGE` writes the template and tells DVC of it in .dvc/config.local;
`make setup` runs it. The scripts (Vega, Vega-Lite and Vega-Embed, all BSD-3-Clause) come out of the installed
package vl-convert-python.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VEGA_LITE = "5.20"  # DVC's plot templates are written for version 5
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Plots</title>
{refresh_tag}
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }
main { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
main > div { border: 1px solid #ddd; border-radius: 6px; padding: 1rem; overflow-x: auto; }
main img { max-width: 640px; }
</style>
<script>@scripts@</script>
</head>
<body>
<h1>Plots</h1>
<p>One colour (or picture) per revision. The dots at the upper right of a plot save it as SVG or PNG.</p>
<main>
{plot_divs}
</main>
</body>
</html>
"""


def page_template(scripts: str) -> str:
    """Put the scripts into the page; DVC fills in the rest (`{plot_divs}`)."""
    return TEMPLATE.replace("@scripts@", scripts.replace("</script", "<\\/script"))


def bundled_scripts() -> str:
    """Give Vega, Vega-Lite and Vega-Embed as one script (0.9 MB), without a network."""
    import vl_convert

    return vl_convert.javascript_bundle(None, VEGA_LITE)  # type: ignore[arg-type]


def main(page: Path) -> None:
    """Write the template and name it in DVC's local configuration."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_template(bundled_scripts()), encoding="utf-8")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "dvc",
            "config",
            "--local",
            "--quiet",
            "plots.html_template",
            str(page.absolute()),
        ],
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
