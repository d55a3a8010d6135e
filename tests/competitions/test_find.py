"""How a competition is found: by name, as an object, as a module of one's own; and what it must say."""

import ast
import inspect
import subprocess
import sys
from types import SimpleNamespace

import pytest
from toy_boxes import Squares
from toy_masks import Discs

from kaggle_utils.competitions import find, known
from kaggle_utils.tasks import competition

[PROTOCOL] = [node for node in ast.parse(inspect.getsource(competition)).body if getattr(node, "name", "") == "Competition"]
SAID = [node.target.id if isinstance(node, ast.AnnAssign) else getattr(node, "name", "") for node in PROTOCOL.body[1:]]


@pytest.mark.parametrize("name", known())
def test_a_competition_of_this_package_is_a_module_that_says_all(name):
    found = find(name)
    assert all(hasattr(found, one) for one in SAID)
    assert found.__name__ == f"kaggle_utils.competitions.{name}" and found.NAME == name
    assert find(found) is found and find(found.__name__) is found


def test_the_samples_are_no_competition():
    assert known() == sorted(known()) and not {"samples", "__init__"} & set(known())


def test_to_know_them_imports_none():
    code = "import sys; from kaggle_utils import competitions as c; print(c.known(), [n for n in c.known() if f'{c.__name__}.{n}' in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("]")[1].strip() == "["


@pytest.mark.parametrize("toy", [Discs, Squares])
def test_an_object_is_taken_as_it_is(toy):
    mine = toy()
    assert find(mine) is mine


def test_a_module_or_an_object_of_it_is_found_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "my_tides.py").write_text("from toy_masks import Discs\n\nTIDES = Discs()\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(find("my_tides:TIDES"), Discs) and find("my_tides:TIDES") is find("my_tides:TIDES")
    assert find("my_tides:TIDES").NAME == "discs" and find("toy_boxes:Squares") is Squares


def test_a_name_that_is_nobodys_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=f"no competition 'tides', expected one of {', '.join(known())}, or module:object"):
        find("tides")
    with pytest.raises(ValueError, match="no competition 'tides:TIDES', expected"):
        find("tides:TIDES")
    with pytest.raises(ValueError, match="no competition 'no.such.tides:X', expected"):
        find("no.such.tides:X")


def test_an_object_that_is_not_in_its_module_is_refused_by_name():
    with pytest.raises(ValueError, match="'toy_masks' has no 'Tides', expected module:object"):
        find("toy_masks:Tides")


@pytest.mark.parametrize("name", ["", ":", ":Discs", ".", "..tides"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="no competition '.*', expected one of"):
        find(name)


def test_what_a_module_of_ones_own_lacks_itself_is_told_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "my_ebb.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        find("my_ebb")


def test_what_an_object_does_not_say_is_named():
    with pytest.raises(ValueError, match="lacks SLUG, DATASETS, UNIT, .*see kaggle_utils.tasks.competition"):
        find(SimpleNamespace(NAME="tides"))
    with pytest.raises(ValueError, match="<module 'json' .*lacks NAME, SLUG"):
        find("json")


@pytest.mark.parametrize("name", SAID)
def test_everything_a_competition_must_say_is_asked_for(name):
    says = {other: None for other in SAID if other != name}
    with pytest.raises(ValueError, match=rf"lacks {name}, see kaggle_utils.tasks.competition"):
        find(SimpleNamespace(**says))
