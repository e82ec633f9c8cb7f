"""The artefacts by name."""

import pytest

from simnpo.errors import UserError
from simnpo.paper.studies import ARTEFACTS, find_names


def test_names_are_found_however_they_are_written() -> None:
    assert find_names(("Table1", "fig-A2", "FIG3A")) == ("fig3a", "figA2", "table1")
    assert find_names(("fig4", "fig4")) == ("fig4",)
    assert find_names(("all",)) == find_names(("fig4", "ALL")) == tuple(ARTEFACTS)
    assert len(ARTEFACTS) == 22


@pytest.mark.parametrize("name", ["table7", "", "fig"])
def test_what_the_paper_does_not_have(name: str) -> None:
    with pytest.raises(UserError, match=f"the paper has no {name!r}; there are all, fig1b"):
        find_names(("table1", name))
