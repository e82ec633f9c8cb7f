"""What to change after each verdict."""

from simnpo.evaluation.metrics.advice import advice

USUAL = {"learning_rate": 7.2e-5, "forget_weight": 1.0, "steps": 60}


def test_settings_below_their_defaults_are_named_first() -> None:
    weak = {"method": "SimNPO", "learning_rate": 1e-5, "forget_weight": 0.1375, "steps": None}
    assert advice("not forgotten", weak, USUAL)[:2] == (
        "raise --learning-rate from 1e-05 to 7.2e-05",
        "raise --forget-weight from 0.1375 to 1",
    )


def test_where_all_are_at_their_defaults_the_rate_is_doubled() -> None:
    found = advice("not forgotten", {"method": "SimNPO", **USUAL}, USUAL)
    assert found[0] == "raise --learning-rate from 7.2e-05 to 0.000144"


def test_the_method_that_forgets_hardest_is_not_advised_to_itself() -> None:
    assert any("--method npo" in one for one in advice("not forgotten", {"method": "GA"}, USUAL))
    found = advice("not forgotten", {"method": "NPO", **USUAL}, USUAL)
    assert found and not any("--method npo" in one for one in found)


def test_a_method_that_refuses_is_pointed_elsewhere() -> None:
    (found,) = advice("hidden", {"method": "IDK", **USUAL}, USUAL)
    assert "--method simnpo or npo" in found


def test_damage_asks_for_less() -> None:
    found = advice("damaged", {"learning_rate": 4e-5, "retain_weight": 1.0}, USUAL)
    assert found[:2] == (
        "lower --learning-rate from 4e-05 to 2e-05",
        "raise --retain-weight from 1 to 2",
    )


def test_damage_beside_is_mended_before_anything_forgets_more() -> None:
    settings = {"method": "SimNPO", "retain_weight": 1.0, "lora_rank": 0, **USUAL}
    for kind in ("not forgotten", "hidden"):
        assert advice(kind, settings, USUAL, damaged=True) == (
            "raise --retain-weight from 1 to 2",
            "add rows like those that suffered to --retain",
            "only then raise --learning-rate from 7.2e-05 to 0.000144",
            "or try another method: --method npo",
        )
    found = advice("not forgotten", {**settings, "method": "NPO"}, USUAL, damaged=True)
    assert found[-1] == "or try another method: --method simnpo"
    hiding = advice("hidden", {**settings, "method": "IDK"}, USUAL, damaged=True)
    assert "--method simnpo or npo" in hiding[0] and "--retain-weight" in hiding[1]


def test_a_method_that_keeps_nothing_is_told_how_to() -> None:
    alone = {"method": "GA", "retain_weight": None, **USUAL}
    for kind in ("damaged", "not forgotten", "hidden"):
        found = advice(kind, alone, USUAL, damaged=True)
        assert any("--retain-loss nll" in one for one in found)
        assert not any("--retain-weight" in one for one in found)


def test_adapters_are_named_where_they_were_trained() -> None:
    settings = {"method": "SimNPO", "lora_rank": 16, **USUAL}
    for kind in ("not forgotten", "hidden"):
        for damaged in (False, True):
            found = advice(kind, settings, USUAL, damaged)
            assert any("--lora-rank from 16 to 32, or leave it out" in one for one in found)


def test_nothing_known_asks_about_the_prompt_and_success_about_nothing() -> None:
    assert "--template" in advice("nothing known", {}, USUAL)[0]
    assert advice("forgotten", {}, USUAL) == ()
