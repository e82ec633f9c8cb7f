"""Control tokens inside data stay text: those that a template writes are kept apart from them."""

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from simnpo.data.tokenizer import Tokenizer

# Stand-ins are digits, since no template trims, escapes or capitalises them. A 9 stands at their
# beginning alone, so that digits next to them cannot be taken for a part of them.
_STAND_IN = re.compile("9[0-7]{16,}8")
_DIGITS = "4162730512647305"
_ANCHORS = ("\n", "0", ".", "|")
"""Texts that others hardly merge with."""
_LIKE_CONTROL = re.compile(r"[<\[{(|].*[>\]})|]", re.DOTALL)
"""What an added token looks like that is not an ordinary word."""


def stand_in(number: int, texts: Iterable[str] = ()) -> str:
    """Return digits that can stand in a content's place, other ones for each number.

    Args:
        number: which of the stand-ins, from 0.
        texts: none of them holds what is returned.
    """
    made = f"9{_DIGITS}{number:04o}8"
    while any(made in text for text in texts):
        made = f"9{_DIGITS}{made[1:]}"
    return made


class Quoted(NamedTuple):
    """A text that a template wrote around contents."""

    text: str
    hidden: Mapping[str, str] = {}
    """The control tokens that contents hold, by what stands in their place."""


class ControlTokens:
    """A tokenizer's control tokens, and the ids of texts whose contents hold some."""

    def __init__(self, tokenizer: Tokenizer, written: str = ""):
        """Find the control tokens: the special ones, and those of the template.

        Args:
            tokenizer: a transformers tokenizer.
            written: what its template writes. DeepSeek's `<｜User｜>` is an added token that is not
                marked as special; in a template's text such tokens are control tokens all the same.
        """
        self._tokenizer = tokenizer
        self._added = {one.content: one for one in tokenizer.added_tokens_decoder.values()}
        special = {name for name, one in self._added.items() if one.special}
        special |= set(tokenizer.all_special_tokens)
        self._own = {
            name
            for name in self._added.keys() - special
            if name in written and _LIKE_CONTROL.fullmatch(name)
        }
        longest = sorted({*special, *self._own} - {""}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest)) or "(?!)")

    def first(self, text: str) -> re.Match[str] | None:
        """Return where the first control token of a text is."""
        return self._pattern.search(text)

    def quote(self, write: Callable[[Sequence[str]], str], contents: Sequence[str]) -> Quoted:
        """Return what a template writes around contents.

        Args:
            write: the template.
            contents: what is put into it.
        """
        if not any(map(self._pattern.search, contents)):
            return Quoted(write(contents))
        hidden: dict[str, str] = {}

        def hide(found: re.Match[str]) -> str:
            name = stand_in(len(hidden), contents)
            hidden[name] = found.group()
            return name

        quoted = Quoted(write([self._pattern.sub(hide, one) for one in contents]), hidden)
        # A template may read such tokens and use them up, as Qwen3's does with `</think>`.
        written = write(contents)
        used_up = self._pattern.findall(written) == self._pattern.findall(quoted.text)
        return Quoted(written) if used_up and written != _restored(quoted) else quoted

    def ids(self, quoted: Quoted) -> tuple[int, ...]:
        """Return the ids of a text, without tokens that the tokenizer would add around it."""
        if not quoted.hidden:
            return self._ids(quoted.text)
        ids: tuple[int, ...] = ()
        as_it_is = ""
        # Every other part is one of the template's own control tokens.
        parts = re.split(f"({self._pattern.pattern})", quoted.text)
        for number, part in enumerate(parts):
            if number % 2 or not any(name in part for name in quoted.hidden):
                as_it_is += part
                continue
            text = _restored(quoted._replace(text=part))
            before, after = (
                self._added.get(one) for one in ["", *parts, ""][number : number + 3 : 2]
            )
            text = text.lstrip() if before and before.rstrip else text
            text = text.rstrip() if after and after.lstrip else text
            ids += self._ids(as_it_is) + self._split_ids(text, begins=number == 0)
            as_it_is = ""
        return ids + self._ids(as_it_is)

    def _ids(self, text: str) -> tuple[int, ...]:
        if not text:
            return ()
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _split_ids(self, text: str, begins: bool) -> tuple[int, ...]:
        """Return the ids of a part whose control tokens are text.

        Args:
            text: the part.
            begins: whether the whole text begins with it. Some tokenizers put a space before a
                text, and none before what follows a control token in it.
        """

        def split(text: str) -> tuple[int, ...]:
            made = self._splitting(text, add_special_tokens=False, split_special_tokens=True)
            return tuple(made["input_ids"])

        if not begins and self._begins_with_space:
            for anchor in _ANCHORS:
                begun, whole = split(anchor), split(anchor + text)
                if whole[: len(begun)] == begun:  # nothing has merged
                    return whole[len(begun) :]
        return split(text)

    @cached_property
    def _begins_with_space(self) -> bool:
        """Whether a text alone has other tokens than the same text after a control token."""
        plain = (one.content for one in self._added.values() if one.special and not one.rstrip)
        mark = next(plain, "")
        return bool(mark) and self._ids(f"{mark}a")[1:] != self._ids("a")

    @cached_property
    def _splitting(self) -> Tokenizer:
        """The tokenizer with all control tokens marked as special, since only these are split."""
        if not self._own:
            return self._tokenizer
        from tokenizers import AddedToken

        made = copy.deepcopy(self._tokenizer)
        marked = [AddedToken(name, special=True) for name in sorted(self._own)]
        made.add_tokens(marked, special_tokens=True)
        return made


def _restored(quoted: Quoted) -> str:
    """Return a text with the control tokens of its contents in their places again."""
    return _STAND_IN.sub(lambda found: quoted.hidden.get(found[0], found[0]), quoted.text)
