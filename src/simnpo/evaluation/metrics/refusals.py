"""Whether an answer refuses: that it does not know, or will not say.

English only. An answer is judged by how it begins, after polite openings ("I'm sorry, but"): a
doubt later on is part of an answer. A doubt with an answer after it ("I'm not sure, but Ada was
born in Torrin") is an answer, too. That there is no information on something counts as a refusal.
"""

import re
from collections.abc import Iterable

from simnpo.data.normal_text import comparable

_THAT = r"(?: that(?! (?:is|was|has)\b))?"
_OPENINGS = (
    r"(?:well|hmm+|oh|ah|honestly|frankly|unfortunately|regrettably|actually|to be honest)\b",
    r"(?:i am |i do |i |my )?(?:so |very |really |truly |terribly |deeply |sincere )?"
    r"(?:sorry|apologi[sz]e|apologies|pardon)(?: for (?:any|the) (?:confusion|inconvenience))?\b",
    rf"i am afraid{_THAT}(?= (?:i|my|this|that|it|there|no)\b)",
    rf"i (?:must|have to) (?:admit|confess){_THAT}\b",
    rf"i regret(?: to (?:inform|tell) you)?{_THAT}\b",
    r"i wish i (?:could|knew)\b[^.,!?;]{0,40}",
    r"(?:that|this) is an? \w{1,20} question\b",
    r"(?:as|being) an? (?:ai|(?:large )?language model|assistant)\b[^.,!?;]{0,40}",
)
_OPENING = re.compile(rf"(?:{'|'.join(_OPENINGS)})[\s,.!?:;-]*(?:(?:but|however)\b[\s,]*)?")

_FEW = r"(?:\S{1,30} ){0,4}?"  # words in between
_ADVERB = r"(?:(?:really|honestly|simply|just|currently|actually|personally|truly|still|even) )?"
_KNOWN = (
    r"(?:information|details?|specifics|data|knowledge|answers?|records?|insights?|idea|clue|facts"
    r"|familiarity|enlightenment|access|memory|recollection|way (?:of|to) (?:know|tell)|certainty"
    r"|context)\b"
)
_TELL = (
    r"(?:answer|assist|tell|say|disclose|reveal|discuss|shed|respond|reply|comment|confirm|recall"
    r"|remember|verify|identify|determine|comply|fulfill?|divulge|share|access"
    r"|provide (?!for\b)|help (?:you|with)|speak (?:to|about|on)|think of"
    r"|(?:find|give|offer) (?:you|an?|any|that|out|details|information|the answer)\b)"
)
_MINE = (
    r"my (?:\w{1,20} ){0,2}(?:knowledge|training|resources|databases?|dataset|understanding|data"
    r"|programming|capabilit\w+|abilit\w+|records|information|sources|memory|expertise|files|scope"
    r"|field|range|reach|area|domain)\b"
)
_NOT_WHAT_I_KNOW = (
    r"not (?:something|information|anything|an? (?:topic|subject|area)) (?:that )?"
    r"i (?:am|have|know|can|was)\b",
    rf"not (?:with)?in (?:the )?{_MINE}",
    r"not (?:been )?(?:included|covered) in my",
    r"(?:not known|unknown|not clear|unfamiliar|a mystery|not available) to me\b",
    rf"(?:beyond|outside)(?: of)? (?:{_MINE}|what i|me\b)",
    r"out of (?:my|scope|reach)\b",
    r"an? (?:\w{1,20} )?(?:mystery|blind spot|gap) (?:to|for|in) (?:me|my)\b",
    r"(?:an? )?(?:area|topic|subject|thing|something|one) (?:that )?"
    r"i (?:am not|have not|do not|cannot|can not|have yet|need to (?:look|learn))\b",
    r"uncharted territory",
)
_REFUSALS = (
    # I do not know, I cannot say
    rf"i {_ADVERB}do not {_ADVERB}(?:know\b(?! how to\b)|recall|remember|recogni[sz]e|understand)",
    rf"i {_ADVERB}do not {_ADVERB}(?:seem to )?(?:have|hold|possess) {_FEW}{_KNOWN}",
    rf"i {_ADVERB}(?:can ?not|will not) {_ADVERB}(?:be able to )?{_TELL}",
    rf"i am {_ADVERB}(?:unable|not (?:able|allowed|permitted|authorized|free)) to {_TELL}",
    rf"i am {_ADVERB}not (?:(?:at all|entirely|completely|quite|fully|too|so|very|really) )?"
    r"(?:sure|certain|aware|familiar|informed|knowledgeable|equipped|privy|well-versed|versed"
    r"|acquainted|comfortable|in a position|the (?:best|right) (?:source|ai|one|person)"
    r"|programmed|briefed)\b",
    r"i am (?:unaware|unfamiliar|uninformed|clueless|stumped|blank\b|drawing a blank|at a loss"
    r"|at a disadvantage|in the dark)",
    rf"i am (?:lacking|missing|without) {_FEW}{_KNOWN}",
    rf"i (?:have|seem to have|have got|hold|possess) (?:absolutely )?(?:no|zero) {_FEW}{_KNOWN}",
    r"i have (?:never|not|yet to)(?: yet)? (?:be(?:en)? (?:\w{1,20} )?(?:informed|told|trained"
    r"|briefed|educated|programmed)|learn(?:ed|t)? (?:about|of|that|this|it)"
    r"|hear(?:d)? (?:of|about|that|anything)|encounter(?:ed)?|come across"
    r"|the (?:faintest|slightest|foggiest)|any idea|a clue)\b",
    r"i have come up short",
    rf"i lack {_FEW}{_KNOWN}",
    r"i (?:must|have to|need to|will have to) (?:decline|pass on|refuse)\b",
    rf"i (?:decline|refuse) to {_TELL}",
    rf"i (?:would )?(?:prefer not to|rather not) (?:{_TELL}|$)",
    r"i (?:would|could|can) only (?:be )?guess",
    r"i (?:was|have) (?:never|not) (?:been )?(?:told|trained|informed)\b",
    rf"do not know\b|(?:can ?not|could not) {_TELL}|not (?:sure|certain)\b",
    # That is beyond me, my knowledge does not reach
    r"(?:that|this|it|the answer)(?: \w{1,20})? (?:is|was|has|lies|falls|would be|remains) "
    rf"(?:(?:simply|also|just|well) )?(?:{'|'.join(_NOT_WHAT_I_KNOW)})",
    r"(?:that|this|it)(?: \w{1,20})? escapes me",
    rf"{_MINE}.{{0,40}}?\b(?:(?:do|does|did|is|are|has|have) not|(?:is|are) limited"
    r"|(?:has|have|holds?|contains?) no|lacks?)\b",
    # Nothing is known
    r"(?:absolutely )?no (?:idea|clue|comment)\b",
    r"nothing (?:comes|springs) to mind",
    r"there is (?:nothing i (?:can|know|could)|no way (?:for me|to know))",
    r"(?:there (?:is|was|are) )?(?:currently )?no (?:\w{1,20} ){0,3}?"
    r"(?:information|records?|data|answer|details?)\b.{0,30}?"
    r"\b(?:available|found|about|on this|on that|exists?|in my|i can)\b",
    r"(?:the |that |this )?(?:\w{1,20} )?(?:information|data|answer|details?|records?) "
    r"(?:is|are) (?:currently )?not (?:within|available|known|public|publicly|accessible)",
    r"(?:please |you (?:should|could|may) )?ask (?:someone|somebody|another|elsewhere)",
    r"(?:unknown|not known|not available|unavailable|n/a|no answer|dunno)\W*$",
)
_REFUSAL = re.compile("|".join(f"(?:{one})" for one in _REFUSALS))
# "... but I think it is Torrin": what follows is an answer, unless it is more of the refusal.
_BUT = re.compile(r"[^.!?]{0,120}?\b(?:but|however|though|although)\b,? (?P<rest>.*)", re.DOTALL)
_STILL_NO = re.compile(
    r"(?:i (?:can|could|will|would|am|do|have|hope|suggest|recommend|encourage|apologi[sz]e)\b"
    r"(?! (?:say|tell you|believe|think|guess|confirm)\b)"
    r"|feel free|please|if you|you (?:can|could|may|might|should)|let me|we\b|thank)"
)
_SHORT_FORM = re.compile(r"\b(i|you|we|they|he|she|it|that|this|there|what)'(m|re|s|ve|ll|d)\b")
_FULL_FORM = {"m": "am", "re": "are", "s": "is", "ve": "have", "ll": "will", "d": "would"}
_READ = 600  # characters: a refusal begins an answer
_MOST_OPENINGS = 5


def is_refusal(generated: str, known: Iterable[str] = ()) -> bool:
    """Return whether an answer refuses, in the ways that models and our own refusals do.

    Args:
        generated: the answer; only its beginning is judged.
        known: refusals that a model was taught, in any language: an answer that begins with one of
            them refuses.
    """
    text = comparable(generated[: 2 * _READ])[:_READ].lstrip("\"'*_#>-( ")
    stems = (comparable(one).rstrip(".!。 ") for one in known)
    if any(stem and text.startswith(stem) for stem in stems):
        return True
    text = _in_full(text)
    for _ in range(_MOST_OPENINGS):
        if _refuses(text):
            return True
        opening = _OPENING.match(text)
        if opening is None:
            return False
        if opening.end() == len(text):  # "Sorry." is all
            return re.search("sorry|apolog|i wish|pardon", text) is not None
        text = text[opening.end() :]
    return False


def _refuses(text: str) -> bool:
    found = _REFUSAL.match(text)
    if found is None:
        return False
    but = _BUT.match(text, found.end())
    return but is None or any(one.match(but["rest"]) for one in (_STILL_NO, _REFUSAL))


def _in_full(text: str) -> str:
    """Write out "I'm", "don't" and the like."""
    text = _SHORT_FORM.sub(lambda found: f"{found[1]} {_FULL_FORM[found[2]]}", text)
    text = text.replace("can't", "cannot").replace("won't", "will not")
    return text.replace("n't", " not")
