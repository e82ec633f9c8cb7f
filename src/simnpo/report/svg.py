"""Matplotlib's SVG made fit to stand inside a page."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping

FONT = "DejaVu Sans"
"""The font plots are measured with: it comes with matplotlib, and is wider than most others."""

TIP = "tip:"
"""What begins the id of a group that has a text to show, which follows it."""

BACKGROUND = "background-"
"""What begins the id of a group that is drawn behind a plot; on a page the page's own shows."""

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"


def with_titles(svg: str) -> str:
    """Turn each group whose id is `TIP` and a text into one of class `tip` with that title.

    Browsers show a title where the reader points at its group.
    """
    # Matplotlib has escaped the text as an attribute's, which is more than an element's needs, and
    # has set it in single quotes where it holds double ones.
    group = re.compile(f"<g id=(?P<quote>[\"']){TIP}(?P<text>.*?)(?P=quote)(?P<rest>[^>]*)>", re.S)
    return group.sub(r'<g class="tip"\g<rest>><title>\g<text></title>', svg)


def inline(svg: str, prefix: str, description: str, colours: Mapping[str, str]) -> str:
    """Rewrite a whole SVG file as an `<svg>` element for an HTML page.

    Ids get `prefix`, since every matplotlib file numbers its own from 1; `colours` (`#rrggbb` to
    anything CSS takes as a colour) lets the drawing follow the page's light or dark scheme; fixed
    sizes, namespaces, metadata, backgrounds and the file's style sheet, which would leak into the
    page, go.
    """
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style") or child.get("id", "").startswith(
                BACKGROUND
            ):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = {
            "href" if name == _HREF else name: _value(name, value, prefix, colours)
            for name, value in element.attrib.items()
        }
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    tips = [element for element in root.iter("g") if element.get("class") == "tip"]
    for element in tips:
        element.attrib |= {"role": "img", "aria-label": element.findtext("title", "")}
    for title in root.findall("title") if tips else []:
        root.remove(title)  # it would be shown at every place that has no tip
    # An image's parts are hidden from a screen reader, a group's are not.
    root.attrib |= {"role": "group" if tips else "img", "aria-label": description}
    return ElementTree.tostring(root, encoding="unicode")


def _value(name: str, value: str, prefix: str, colours: Mapping[str, str]) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == _HREF and value.startswith("#"):  # an image holds its pixels in its address
        return f"#{prefix}-{value.removeprefix('#')}"
    value = re.sub(r"url\(#", f"url(#{prefix}-", value)
    value = re.sub("#[0-9a-f]{6}", lambda colour: colours.get(colour[0], colour[0]), value)
    return value.replace(f"'{FONT}'", "var(--sans)")
