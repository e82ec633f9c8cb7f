import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from simnpo.evaluation.metrics.rouge import rouge_l_f1, rouge_l_recall
from simnpo.evaluation.metrics.rouge_words import Words


def recall(reference: str, generated: str) -> float:
    return float(rouge_l_recall([(reference, generated)])[0])


def test_recall_by_hand() -> None:
    # The longest common subsequence is "the cat mat": 3 of the reference's 6 words.
    assert recall("the cat sat on the mat", "the black cat mat") == pytest.approx(3 / 6)
    # Recall, not precision: words beyond the reference cost nothing.
    assert recall("Paris", "It is Paris, of course, the capital") == 1.0
    # A subsequence, not a bag of words: only one of the two keeps its order.
    assert recall("red blue", "blue red") == pytest.approx(1 / 2)
    assert recall("The authors WROTE books.", "author wrote book") == pytest.approx(3 / 4)


def test_nothing_generated_recalls_nothing() -> None:
    assert recall("a true answer", "") == 0.0


def test_a_reference_without_words_has_no_recall() -> None:
    assert np.isnan(recall("…", "something"))
    assert np.isnan(recall("", "something"))


def test_many_pairs_keep_their_order() -> None:
    pairs = [("a b", "a b"), ("a b", "a"), ("a b", "c")]
    assert rouge_l_recall(pairs).tolist() == [1.0, 0.5, 0.0]
    assert rouge_l_recall([]).shape == (0,)


@pytest.mark.parametrize("name", ["retain90", "retain95"])
def test_official_recall_from_official_text(official_log: Callable[[str], Path], name: str) -> None:
    log = json.loads(official_log(name).read_text())
    for part in log.values():
        pairs = [(reference, generated) for _, generated, reference in part["generated_text"]]
        assert rouge_l_recall(pairs) == pytest.approx(part["rougeL_recall"], abs=1e-6)
        # To the last bit, the answers with names like "Céspedes" among them.
        assert rouge_l_recall(pairs).tolist() == [googles(*pair, stemmed=True) for pair in pairs]
        assert rouge_l_f1(pairs).tolist() == [googles(*pair, stemmed=False) for pair in pairs]


def googles(reference: str, generated: str, stemmed: bool) -> float:
    found = RougeScorer(["rougeL"], use_stemmer=stemmed).score(reference, generated)["rougeL"]
    return float(found.recall if stemmed else found.fmeasure)


english = st.text(
    st.characters(max_codepoint=127) | st.sampled_from("—–…’“”é½²™©€ \u00a0"), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(english.filter(lambda text: any(one.isascii() and one.isalnum() for one in text)), english)
def test_english_is_scored_by_rouge_score_to_the_bit(reference: str, generated: str) -> None:
    reference, generated = (text.replace("é", "") for text in (reference, generated))
    assert rouge_l_recall([(reference, generated)])[0] == googles(reference, generated, True)
    assert rouge_l_f1([(reference, generated)])[0] == googles(reference, generated, False)


@settings(max_examples=200, deadline=None)
@given(english.filter(lambda text: any(one.isascii() and one.isalnum() for one in text)))
def test_an_accent_takes_no_word_from_english_and_adds_none(text: str) -> None:
    text = f"Café {text}"
    assert len(Words(True).tokenize(text)) >= len(RougeScorer([])._tokenizer.tokenize(text))


RIGHT = {
    "Chinese": "他1987年出生在北京。",
    "Japanese": "彼女はｶﾞﾗｽの都、東京で生まれた。",
    "Korean": "그는 서울에서 태어났다.",
    "Thai": "เขาเกิดที่กรุงเทพฯ ปี ๑๙๘๗",
    "Lao": "ລາວເກີດຢູ່ວຽງຈັນ",
    "Khmer": "គាត់កើតនៅភ្នំពេញ",
    "Burmese": "သူရန်ကုန်မှာမွေးတယ်",
    "Javanese": "ꦥꦤꦺꦩ꧀ꦧꦲꦤ꧀",
    "Arabic": "ولد في القاهرة عام ١٩٨٧.",
    "Persian": "او در تهران به دنیا آمده‌است",
    "Hebrew": "הוא נולד בירושלים",
    "Cyrillic": "Он родился в Москве",
    "Greek": "Γεννήθηκε στην Αθήνα",
    "Hindi": "उसका जन्म दिल्ली में १९८७ में हुआ",
    "Georgian": "ის თბილისში დაიბადა",
    "Amharic": "በአዲስ አበባ ተወለደ።",
    "Vietnamese": "Ông sinh ra ở Hà Nội",
    "Polish": "Urodził się w Łodzi",
}


@pytest.mark.parametrize("language", RIGHT)
@pytest.mark.parametrize("rouge", [rouge_l_recall, rouge_l_f1])
def test_every_script_is_scored(language: str, rouge: Callable[..., np.ndarray]) -> None:
    text = RIGHT[language]
    twins = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC")]
    assert rouge([(text, twin) for twin in twins] + [(twins[1], text)]).tolist() == [1.0] * 4
    others = [other for name, other in RIGHT.items() if name != language]
    found = rouge([(text, other) for other in others])
    # A year or a few letters may be shared, no more.
    assert (found < 0.5).all() and (found == 0).mean() > 0.5
    assert rouge([(text, "")]).tolist() == [0.0]


@pytest.mark.parametrize(
    ("reference", "generated", "expected"),
    [
        # All parts count, not the Latin one alone.
        ("Café 北京 Torrin", "Caf 上海 Torrin", 1 / 4),
        ("他于1987年出生在北京", "她于1987年死于上海", 3 / 9),
        ("Она родилась в Torrin", "Он умер в Torrin", 2 / 4),
        ("iPhone 是她的", "iPhone 是他的", 3 / 4),
        # A wrong accent is a wrong word; the parts of a word are those of rouge-score.
        ("Élan Müller", "lan M ller", 1 / 3),
        ("Müller", "Muller", 0),
        ("Müller", "Müller", 1),
        ("in Łódź", "in Lodz", 1 / 2),
        ("García wrote", "Garcí wrote", 2 / 3),
        # Letter by letter, with the marks that belong to one.
        ("กรุงเทพ", "กรงเทพ", 5 / 6),
        ("서울에서", "서울에", 3 / 4),
        # Digits by their value, wide letters as themselves; raised ones are others.
        ("１９８７ ＡＢＣ", "1987 abc", 1),
        ("١٩٨٧", "१९८७", 1),
        ("2ⁿ", "2n", 0),
        # What nobody sees makes no word.
        ("Тор\u00adрин", "Торрин", 1),
        ("می\u200cخواهم", "میخواهم", 1),
        ("محـمد", "محمد", 1),
        ("❤\ufe0f Torrin", "Torrin", 1),
    ],
)
def test_mixed_answers_by_hand(reference: str, generated: str, expected: float) -> None:
    assert recall(reference, generated) == pytest.approx(expected)


@pytest.mark.parametrize("reference", ["👍", "?!", "½", "\u0301", "—"])
def test_signs_are_no_words(reference: str) -> None:
    assert np.isnan(recall(reference, "something"))
