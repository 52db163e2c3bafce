"""A picture in SVG, drawn stroke by stroke: a thousandth of what a plotting library costs, and sharp at every size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

FONT, MONOSPACE = "Helvetica, Arial, sans-serif", "Menlo, Consolas, monospace"
BLACK, GREY = "#222222", "#DDDDDD"


@dataclass
class Drawing:
    """A white sheet; x to the right, y downwards, in pixels."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
        )

    def line(self, points: Iterable[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        """A line through points, not filled."""
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'
        )

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>')

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        anchor: str = "start",
        colour: str = BLACK,
        turned: float = 0,
        monospace: bool = False,
    ) -> None:
        """Text whose base line begins, is centred (`middle`) or ends at a point; blanks are kept."""
        turn = f' transform="rotate({turned:g} {x:.1f} {y:.1f})"' if turned else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{colour}" '
            f'font-family="{MONOSPACE if monospace else FONT}" xml:space="preserve"{turn}>{escape(words)}</text>'
        )

    def content(self) -> bytes:
        """The file."""
        size = f'width="{self.width:.0f}" height="{self.height:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width:.0f} {self.height:.0f}">'
        sheet = '<rect width="100%" height="100%" fill="white"/>'
        return "\n".join([head, sheet, *self.parts, "</svg>\n"]).encode()


@dataclass(frozen=True)
class Axes:
    """A frame on a drawing with the values at its edges."""

    drawing: Drawing
    left: float
    top: float
    width: float
    height: float
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a value."""
        (x_low, x_high), (y_low, y_high) = self.x_limits, self.y_limits
        return (
            self.left + self.width * (x - x_low) / (x_high - x_low),
            self.top + self.height * (y_high - y) / (y_high - y_low),
        )

    def frame(self, x_ticks: Iterable[float], y_ticks: Iterable[float], x_title: str, y_title: str) -> None:
        """The two axes with their ticks and titles."""
        bottom, draw = self.top + self.height, self.drawing
        draw.line([(self.left, self.top), (self.left, bottom), (self.left + self.width, bottom)], BLACK)
        for tick in x_ticks:
            x, _ = self.at(tick, self.y_limits[0])
            draw.line([(x, bottom), (x, bottom + 4)], BLACK)
            draw.text(x, bottom + 17, f"{tick:g}", size=11, anchor="middle")
        for tick in y_ticks:
            _, y = self.at(self.x_limits[0], tick)
            draw.line([(self.left - 4, y), (self.left, y)], BLACK)
            draw.text(self.left - 7, y + 4, f"{tick:g}", size=11, anchor="end")
        draw.text(self.left + self.width / 2, bottom + 36, x_title, anchor="middle")
        draw.text(self.left - 42, self.top + self.height / 2, y_title, anchor="middle", turned=-90)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between two limits, at most `most` of them: multiples of 1, 2 or 5 times a power of ten."""
    from math import ceil, floor, log10

    power = 10.0 ** floor(log10((high - low) / most))
    steps = (power * factor for factor in (1, 2, 5, 10, 20))
    step = next(step for step in steps if floor(high / step + 1e-9) - ceil(low / step - 1e-9) < most)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [float(f"{step * number:.12g}") for number in range(first, last + 1)]
