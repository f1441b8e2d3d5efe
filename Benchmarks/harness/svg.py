# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Bars and lines as SVG, without a library: what a page of measurements needs, and no more."""
import math
from html import escape

COLOURS = {"Swift": "#d9480f", "C": "#1c7ed6", "C++": "#5f3dc4", "Python": "#2b8a3e", "proton raw": "#868e96",
           "Swift broker": "#f08c00", "C broker": "#15aabf"}
INK, GRID = "#343a40", "#dee2e6"
WIDTH, HEIGHT = 460, 300  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 54, 46  # the margins of its plot


def short(value):
    """A number as people write it on an axis: 1,500,000 is 1.5M."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return "%g%s" % (float("%.3g" % (value / limit)), letter)
    return "%g" % float("%.3g" % value)


def text(x, y, words, size=12, anchor="start", colour=INK, weight="normal"):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s" font-weight="%s">%s</text>' % (
        x, y, size, anchor, colour, weight, escape(words))


def line(x1, y1, x2, y2, colour=GRID):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (x1, y1, x2, y2, colour)


class Scale:
    """Maps values to places, from zero or by decades."""

    def __init__(self, least, most, start, end, by_decades):
        self.by_decades = by_decades
        self.low = math.floor(math.log10(least)) if by_decades else 0
        self.high = math.log10(most) if by_decades else most * 1.08
        self.start, self.end = start, end

    def place(self, value):
        value = math.log10(value) if self.by_decades else value
        return self.start + (self.end - self.start) * (value - self.low) / ((self.high - self.low) or 1)

    def ticks(self):
        if self.by_decades:
            return [10.0 ** power for power in range(self.low, math.floor(self.high + 1e-9) + 1)]
        step = 10 ** math.floor(math.log10(self.high / 2 or 1))
        step *= next(factor for factor in (1, 2, 5, 10) if self.high / (step * factor) <= 6)
        return [step * i for i in range(int(self.high / step) + 1)]


def bars(title, unit, values):
    """A panel of horizontal bars: values by label, each with its number."""
    label_width, bar = 84, 22
    scale = Scale(0, max(values.values()), label_width, WIDTH - RIGHT - 60, by_decades=False)
    parts = [text(LEFT - 52, 24, title, 15, weight="bold"), text(LEFT - 52, 42, unit, 11)]
    for index, (label, value) in enumerate(values.items()):
        y = TOP + 12 + index * (bar + 14)
        parts.append(text(label_width - 8, y + bar * 0.7, label, anchor="end"))
        parts.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (
            label_width, y, max(1, scale.place(value) - label_width), bar, COLOURS.get(label, INK)))
        parts.append(text(scale.place(value) + 6, y + bar * 0.7, short(value)))
    return parts


def lines(title, x_label, unit, points):
    """A panel of lines: for each label its points; x goes by decades, y too where it spans more than one and a half."""
    xs = sorted({x for line_points in points.values() for x, _ in line_points})
    ys = [y for line_points in points.values() for _, y in line_points]
    across = Scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT - 10, by_decades=True)
    up = Scale(min(ys), max(ys), HEIGHT - BOTTOM, TOP + 10, by_decades=max(ys) > 30 * min(ys))
    parts = [text(LEFT - 52, 24, title, 15, weight="bold")]
    for tick in up.ticks():
        y = up.place(tick)
        parts += [line(LEFT, y, WIDTH - RIGHT, y), text(LEFT - 6, y + 4, short(tick), 11, "end")]
    for x in xs:
        parts.append(text(across.place(x), HEIGHT - BOTTOM + 18, short(x), 11, "middle"))
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, 11, "middle"), text(LEFT - 52, 42, unit, 11)]
    legend = WIDTH - RIGHT
    for label, line_points in reversed(points.items()):
        colour = COLOURS.get(label, INK)
        path = " ".join("%.1f,%.1f" % (across.place(x), up.place(y)) for x, y in line_points)
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (across.place(x), up.place(y), colour)
                  for x, y in line_points]
        parts.append(text(legend, 42, label, 11, "end", colour, "bold"))
        legend -= 7 * len(label) + 12
    return parts


def page(panels, caption):
    """The panels in two columns, with a line of text below."""
    height = HEIGHT * ((len(panels) + 1) // 2) + 30
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">' % (
        2 * WIDTH, height), '<rect width="100%" height="100%" fill="white"/>']
    for index, panel in enumerate(panels):
        parts.append('<g transform="translate(%d %d)">' % (index % 2 * WIDTH, index // 2 * HEIGHT))
        parts += panel + ["</g>"]
    return "\n".join(parts + [text(12, height - 12, caption, 11), "</svg>", ""])
