"""A page from a template: the filters every page has, and its models' colours and markers."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from simnpo.report import numbers
from simnpo.report.colours import Style
from simnpo.report.drawing import marker_outline
from simnpo.report.marked import marked
from simnpo.report.plain_text import lower_first, upper_first
from simnpo.storage.files import write_text
from simnpo.system.terminal import harmless

REPORT = "report.html"


def write_page(folder: Path, template: str, styles: Mapping[str, Style], **content: object) -> Path:
    """Fill `template` and write it as `folder/report.html`.

    Args:
        folder: where to write.
        template: a file in `templates`, one that extends `base.html`.
        styles: how each model on the page is drawn.
        content: what the template shows; it must name a `title` and a `command`.

    Returns:
        The path of the page.
    """
    page = _environment().get_template(template)
    text = page.render(
        styles=styles,
        colours=list({style.variable: style for style in styles.values()}.values()),
        markers={style.marker: marker_outline(style.marker) for style in styles.values()},
        **content,
    )
    path = folder / REPORT
    write_text(path, harmless(text))  # of texts that are shown: the page itself has no controls
    return path


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("simnpo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "fixed": numbers.fixed,
        "written": numbers.written,
        "lower_first": lower_first,
        "upper_first": upper_first,
        "seconds": numbers.seconds,
        "marked": marked,
        # Drawn by matplotlib and rebuilt by an XML writer, which escapes every text in it.
        "drawing": lambda plot: Markup(plot.svg),
    }
    return environment
