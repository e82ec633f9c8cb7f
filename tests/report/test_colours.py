"""Colours and markers of models."""

from simnpo.report.colours import styles


def test_a_variant_has_its_methods_colour_and_a_marker_of_its_own() -> None:
    found = styles(["NPO", "NPO, perturbed reference", "SimNPO", "GA, NPO's learning rate"])
    assert found["NPO, perturbed reference"].light == found["NPO"].light
    assert found["NPO, perturbed reference"].marker != found["NPO"].marker
    assert found["GA, NPO's learning rate"].light == styles(["GA"])["GA"].light
