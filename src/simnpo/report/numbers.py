"""Numbers as a reader sees them; a missing one is a dash, never 0."""

import math
import sys
from typing import SupportsFloat

from simnpo.evaluation.metrics.intervals import Interval

DASH = "—"
_SMALLEST = sys.float_info.min_10_exp
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: SupportsFloat | str | None) -> float:
    """Turn a summary's value into a float; None, which JSON has in place of NaN, becomes NaN."""
    return math.nan if value is None else float(value)


def counted(count: int, what: str) -> str:
    """Write how many of something: `1 row`, `1,200 rows`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def power_of_ten(exponent: int) -> str:
    """Write 10 to `exponent` with superscript digits."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def fixed(value: float, digits: int = 3) -> str:
    """Write `value` with `digits` decimals."""
    return DASH if math.isnan(value) else f"{value:z.{digits}f}".replace("-", "−")


def with_interval(value: Interval, digits: int = 3) -> str:
    """Write a mean with half the width of its interval, where it has one: `0.031 ± 0.004`."""
    mean = fixed(value.mean, digits)
    return mean if math.isnan(value.high) else f"{mean} ± {fixed(value.high - value.mean, digits)}"


def p_value(value: float) -> str:
    """Write a p-value: three decimals, or below 0.001 two significant digits and a power of ten."""
    if math.isnan(value) or value >= 0.001:
        return fixed(value)
    if value == 0:  # no p-value is: the float ran out
        return f"<{power_of_ten(_SMALLEST)}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×{power_of_ten(int(exponent))}"


def written(value: float, kind: str) -> str:
    """Write a value as its column wants it, see `simnpo.evaluation.suites.display.Column`."""
    if kind == "p_value":
        return p_value(value)
    if kind == "count":  # where only the share is known, as of a mean over seeds
        return DASH if math.isnan(value) else f"{100 * value:.0f} %"
    if kind == "plain":
        return DASH if math.isnan(value) else f"{value:g}"
    return fixed(value, {"logarithm": 2, "percent": 1}.get(kind, 3))


def compact(value: float) -> str:
    """Write a number for a narrow terminal column: `.873`, `1.00`, `3e-21`."""
    if math.isnan(value):
        return DASH
    if 0 < value < 0.001:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    text = f"{value:.3f}"
    if abs(float(text)) < 1:
        return text.replace("0.", ".", 1)
    return f"{value:.{max(0, 3 - len(str(int(abs(value)))))}f}"


def seconds(value: SupportsFloat | str | None) -> str:
    """Write a duration given in seconds: `48 s`, `12 min 5 s`, `3 h 20 min`."""
    total = number(value)
    if math.isnan(total):
        return DASH
    if total < 10:
        return f"{total:.1f} s"
    whole = round(total)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
