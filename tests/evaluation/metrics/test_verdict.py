"""Did it forget? Every rule of the verdict, on ten answers made by hand."""

import json
import math

import pytest
from own_tables import Row, tables

from simnpo.errors import UserError
from simnpo.evaluation.metrics import verdict_rules
from simnpo.evaluation.metrics.kept import kept_share
from simnpo.evaluation.metrics.own import GeneralScores, own_metrics
from simnpo.evaluation.metrics.own_evaluation import OwnEvaluation
from simnpo.evaluation.metrics.verdict import Verdict, judge
from simnpo.evaluation.tables import Tables

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hal", "Ida", "Jo")
TRUE = [f"{name} lives at {name.lower()}@example.com in the old town" for name in NAMES]
KEPT = [f"{name} keeps bees and sells honey on the market" for name in NAMES]
WRONG = "Someone lives somewhere else in another place"
REFUSAL = "I do not know that."


def evaluation(
    forget: list[str],
    probability: float,
    kept: list[str] = KEPT,
    *,
    retain: list[str] = KEPT,
    holdout: float | None = None,
    ability: float | None = 1.0,
) -> OwnEvaluation:
    sets = {
        "forget": [Row(*pair, probability) for pair in zip(TRUE, forget, strict=True)],
        "retain": [Row(*pair, 0.9) for pair in zip(KEPT, retain, strict=True)],
        "kept": [Row(*pair, 0.9) for pair in zip(KEPT, kept, strict=True)],
    }
    if holdout is not None:
        sets["holdout"] = [Row(true, WRONG, holdout) for true in TRUE]
    made = tables(sets)

    general = None if ability is None else GeneralScores((-math.log(ability),) * 4, 1.0)
    found = own_metrics(made, general=general)
    return OwnEvaluation(found.metrics, found.counts, made)


BEFORE = evaluation(TRUE, 0.9)


def after(out: int, probability: float, filler: str = WRONG, **other: object) -> Verdict:
    """Return the verdict on a model of which `out` answers still come out."""
    return judge(BEFORE, evaluation(TRUE[:out] + [filler] * (10 - out), probability, **other))  # type: ignore[arg-type]


def test_forgotten_needs_few_answers_and_a_low_probability() -> None:
    found = after(1, 0.2)
    assert found.kind == "forgotten"
    assert found.sentence == (
        "Forgotten: 9 of 10 answers no longer come out; "
        "kept: 10 of 10 trained on, 10 of 10 held out"
    )
    assert found.reference == "the model before unlearning"
    assert found.damage == () and found.cautions == ()


def test_more_than_a_tenth_word_for_word_is_not_forgotten() -> None:
    found = after(2, 0.01)
    assert found.kind == "not forgotten"
    assert found.sentence.startswith("NOT FORGOTTEN: 2 of 10 answers still come out word for word")


def test_a_leaked_identifier_is_not_forgotten() -> None:
    leaking = [f"Write to {name.lower()}@example.com" for name in NAMES[:3]]
    found = judge(BEFORE, evaluation(leaking + [WRONG] * 7, 0.01))
    assert found.kind == "not forgotten"
    assert "3 of 10 answers still give away an identifier" in found.sentence


def test_a_likely_answer_behind_a_refusal_is_hidden() -> None:
    found = after(0, 0.54, REFUSAL)
    assert found.kind == "hidden"
    assert "the model refuses, but the true answer keeps probability .54" in found.sentence


def test_a_likely_answer_behind_another_one_is_hidden_too() -> None:
    assert after(0, 0.23).kind == "hidden"  # a quarter of .9 is .225
    assert after(0, 0.22).kind == "forgotten"


def test_a_holdout_set_sets_the_level() -> None:
    before = evaluation(TRUE, 0.9, holdout=0.4)
    found = judge(before, evaluation([WRONG] * 10, 0.39, holdout=0.4))
    assert found.kind == "forgotten" and "holdout" in found.reference
    assert judge(before, evaluation([WRONG] * 10, 0.41, holdout=0.4)).kind == "hidden"


def test_the_rules_are_those_that_were_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = judge(BEFORE, BEFORE, keep=0.8)
    assert any("is below 80 % of before (--keep)" in rule for rule in plain.rules)
    assert not any("holdout" in rule for rule in plain.rules)
    before = evaluation(TRUE, 0.9, holdout=0.4)
    found = Verdict.of_record(json.loads(json.dumps(judge(before, before, keep=0.8).record())))
    (raised,) = set(found.rules) - set(plain.rules)
    assert "its own level, but to no more than 50 % of before" in raised
    for name in ("STILL_OUT", "STILL_LIKELY", "HOLDOUT_MOST", "KEPT_ROW", "HELD_OUT_KEEP"):
        monkeypatch.setattr(verdict_rules, name, 0.123)
    assert " ".join(found.rules).count("12.3 %") == 5
    # A record of before it had these.
    old = {name: value for name, value in plain.record().items() if name != "keep"}
    assert Verdict.of_record(old).keep == verdict_rules.KEEP


def test_a_broken_retain_set_is_damaged() -> None:
    found = after(0, 0.1, retain=[*KEPT[:9], "nothing"])
    assert found.kind == "damaged"
    assert "ROUGE-L on the retain set fell from 1.00 to .90" in found.sentence


def test_a_lost_general_ability_is_damaged() -> None:
    found = after(0, 0.1, ability=0.8)
    assert found.kind == "damaged"
    assert "general ability fell to .80 of the original's" in found.sentence


def test_a_holdout_that_the_model_knows_excuses_nothing() -> None:
    def known(answers: list[str], probability: float) -> OwnEvaluation:
        sets = {
            "forget": [Row(*pair, probability) for pair in zip(TRUE, answers, strict=True)],
            "holdout": [Row(true, true, 0.9) for true in TRUE],
        }
        found = own_metrics(tables(sets), general=GeneralScores((0.0,) * 4, 1.0))
        return OwnEvaluation(found.metrics, found.counts, tables(sets))

    before = known(TRUE, 0.9)
    found = judge(before, before)
    assert found.kind == "not forgotten" and "10 of 10 answers to the holdout" in found.cautions[0]
    # Half of before is what a holdout can excuse at most.
    assert judge(before, known([WRONG] * 10, 0.44)).kind == "forgotten"
    assert judge(before, known([WRONG] * 10, 0.46)).kind == "hidden"
    assert judge(before, known([*TRUE[:6], *[WRONG] * 4], 0.1)).kind == "not forgotten"


@pytest.mark.parametrize(
    ("lost", "retain", "ability", "expected"),
    [
        (3, KEPT, 0.97, 0.97),  # seven of ten rows held out are left: enough
        (6, KEPT, 0.97, 0.4),
        (3, [*KEPT[:8], "nothing", "nothing"], 0.97, 0.8),
        (0, KEPT, 1.0, 1.0),
    ],
)
def test_the_share_kept_is_the_least_of_what_the_verdict_looks_at(
    lost: int, retain: list[str], ability: float, expected: float
) -> None:
    kept = [*KEPT[: 10 - lost], *["nothing"] * lost]
    after = evaluation([WRONG] * 10, 0.1, kept, retain=retain, ability=ability)
    assert kept_share(BEFORE, after) == pytest.approx(expected)


def test_rows_held_out_must_be_significantly_worse() -> None:
    assert after(0, 0.1, kept=[*KEPT[:9], "nothing"]).kind == "forgotten"
    some = after(0, 0.1, kept=[*KEPT[:4], *["nothing"] * 6])
    assert some.kind == "forgotten" and "put every row that must stay exact" in some.cautions[0]
    found = after(0, 0.1, kept=["nothing"] * 10)
    assert found.kind == "damaged" and "10 retain rows held out" in found.sentence


def test_what_was_not_known_cannot_be_forgotten() -> None:
    unknown = evaluation([WRONG] * 10, 0.1)
    found = judge(unknown, unknown)
    assert found.kind == "nothing known" and found.sentence.startswith("NOTHING KNOWN: none of 10")


@pytest.mark.parametrize("filler", ["", "the the the the the the the the the the the the the"])
def test_a_model_that_babbles_is_pointed_out(filler: str) -> None:
    (caution,) = after(0, 0.1, filler).cautions
    assert caution.startswith("10 of 10 answers to the forget set are empty or repeat themselves")


def test_what_was_not_measured_is_named() -> None:
    assert after(0, 0.1, ability=None).cautions == ("General ability was not measured.",)


def test_answers_without_a_word_that_rouge_compares_count_as_kept_only_word_for_word() -> None:
    true = ["🐝 🍯 → 🏠 🏡", "🎻 ♪ ♫ 🌳"] * 5
    right = [Row(one, one) for one in true]
    before, same, lost = (
        tables({"forget": forget, "retain": retain})
        for forget, retain in (
            ([Row(one, one, 0.9) for one in TRUE], right),
            ([Row(one, WRONG, 0.1) for one in TRUE], right),
            ([Row(one, WRONG, 0.1) for one in TRUE], [Row(one, "no") for one in true]),
        )
    )

    def measured(one: Tables) -> OwnEvaluation:
        found = own_metrics(one, general=GeneralScores((0.0,) * 4, 1.0))
        return OwnEvaluation(found.metrics, found.counts, one)

    found = judge(measured(before), measured(same))
    assert "kept: 10 of 10" in found.sentence and "no letter and no digit" in found.cautions[0]
    assert "kept: 0 of 10" in judge(measured(before), measured(lost)).sentence


def test_damage_is_seen_in_every_script() -> None:
    true = ["Анна разводит пчёл и продаёт мёд", "彼女は東京で絵を描いている"] * 5
    forgotten = [Row(one, WRONG, 0.1) for one in TRUE]

    def measured(forget: list[Row], answers: list[str]) -> OwnEvaluation:
        retain = [Row(one, answer) for one, answer in zip(true, answers, strict=True)]
        one = tables({"forget": forget, "retain": retain})
        found = own_metrics(one, general=GeneralScores((0.0,) * 4, 1.0))
        assert not any("leaves out" in note for note in found.notes)
        return OwnEvaluation(found.metrics, found.counts, one)

    before = measured([Row(one, one, 0.9) for one in TRUE], true)
    same = judge(before, measured(forgotten, true))
    assert same.kind == "forgotten" and not same.cautions and "kept: 10 of 10" in same.sentence
    lost = judge(before, measured(forgotten, ["нет", "いいえ"] * 5))
    assert lost.kind == "damaged" and "ROUGE-L on the retain set fell from 1.00" in lost.sentence


def test_a_model_without_numbers_is_refused() -> None:
    broken = tables({"forget": [Row(TRUE[0], WRONG)]})
    broken.scores["logprob"] = math.nan
    with pytest.raises(UserError, match="NaN instead of a probability for 1 of 1 answers"):
        own_metrics(broken)


@pytest.mark.parametrize("kl", [math.inf, math.nan])
def test_a_general_ability_without_a_number_is_none(kl: float) -> None:
    found = own_metrics(
        tables({"forget": [Row(TRUE[0], WRONG)]}), general=GeneralScores((0.1, kl), 1.0)
    )
    assert found.metrics["general.ability"] == 0 and found.metrics["general.kl"] is None
    assert "general.ability" not in found.intervals


def test_damage_is_named_even_where_nothing_was_forgotten() -> None:
    found = after(10, 0.9, ability=0.5)
    assert found.kind == "not forgotten" and found.damage
    assert "general ability fell" in found.sentence
