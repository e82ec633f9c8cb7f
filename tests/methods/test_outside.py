"""Methods of users: from a file, a module or an installed package."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_scored import scored

from simnpo.errors import UserError
from simnpo.methods import outside
from simnpo.methods.kl import KL
from simnpo.methods.method import Method
from simnpo.methods.nll import NLL
from simnpo.methods.registry import METHODS, build_method

DOCS = Path(__file__).parents[2] / "docs" / "methods.md"


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """The file that docs/methods.md shows."""
    (code,) = re.findall(r"```python\n(.*?class Cube.*?)```", DOCS.read_text(), re.DOTALL)
    path = tmp_path / "cube.py"
    path.write_text(code)
    return path


def loaded(name: str, **settings: Any) -> Method:
    found = build_method(name, **settings)
    assert isinstance(found, Method)
    return found


def test_the_example_of_the_docs(cube: Path) -> None:
    method = loaded(f"{cube}:Cube", power=2, forget_weight=0.5)
    assert (method.title, method.retain, method.forget_weight) == ("Cube", NLL(), 0.5)
    assert method.record()["forget_loss"] == {"name": "Cube", "power": 2}
    assert method.forget is not None
    loss = method.forget.loss({"answer": scored([[-0.5, -1.5], [-3.0]])})
    torch.testing.assert_close(loss, torch.tensor([-2.0, -6.0]).double().exp())


def test_the_record_knows_the_code(cube: Path, tmp_path: Path) -> None:
    first = loaded(f"{cube}:Cube").record()["method_source"]
    other = tmp_path / "other.py"
    other.write_text(cube.read_text().replace("self.power", "(self.power + 1)"))
    assert loaded(f"{other}:Cube").record()["method_source"] != first
    assert all("method_source" not in one.record() for one in METHODS.values())


def test_a_method_says_how_to_keep(cube: Path) -> None:
    code = "\nfrom simnpo.methods.kl import KL\nfrom simnpo.methods.method import Method\n"
    cube.write_text(cube.read_text() + code + 'MINE = Method("Mine", Cube(5), KL(), 2, 3)\n')
    method = loaded(f"{cube}:MINE")
    assert (method.title, method.retain) == ("Mine", KL())
    assert (method.forget_weight, method.retain_weight) == (2, 3)


def test_an_installed_package_gives_a_name(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("cubed", "cube:Cube", outside.ENTRY_POINTS)
    monkeypatch.setattr(outside, "entry_points", lambda group: (point,))
    assert loaded("cubed").title == "Cube"
    with pytest.raises(UserError, match=r"unknown method 'cubes'; there are simnpo, .*, cubed;"):
        build_method("cubes")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{cube}:Sphere", "Sphere is not there; wanted is a class that inherits"),
        ("{cube}:dataclass", "dataclass is a function; wanted"),
        ("{cube}x.py:Cube", "there is no file"),
        ("no_such_module_here:Cube", "no_such_module_here cannot be imported"),
        ("{cube}:Needy", "missing 1 required positional argument.*give every setting a default"),
        ("{fails}:Cube", "fails.py fails: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_are_one_line(cube: Path, tmp_path: Path, name: str, message: str) -> None:
    code = "\n\n@dataclass(frozen=True)\nclass Needy(Cube):\n    def __init__(self, size): ...\n"
    cube.write_text(cube.read_text() + code)
    (tmp_path / "fails.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match=message) as raised:
        build_method(name.format(cube=cube, fails=tmp_path / "fails.py"))
    assert "\n" not in str(raised.value)
