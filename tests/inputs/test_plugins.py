"""A new policy is one new file, in the folder of its kind, in a package or anywhere else."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest

from accelsim.errors import ConfigError
from accelsim.inputs import plugins
from accelsim.inputs.choices import Choice
from accelsim.inputs.document import parse_document
from accelsim.inputs.plugins import Registry, load_plugins, loaded_plugins
from accelsim.inputs.validation import ConfigModel, validate
from accelsim.policies.scheduling import SCHEDULING_POLICIES, SchedulingPolicy

POLICY = """
from typing import Literal
from accelsim.policies.scheduling.fifo import Fifo
from accelsim.policies.scheduling.base import SchedulingPolicy

class LastInFirstOut(SchedulingPolicy):
    name: Literal["{name}"]
    place: int = -1

    def choose(self, waiting, present, now):
        return len(waiting) + self.place
"""
GROUP = "accelsim.scheduling_policies"


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the registries as they were."""
    monkeypatch.setattr(plugins, "_registries", [*plugins._registries])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("house", "guest") or name.startswith("accelsim_plugin_"):
            del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def house(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str
) -> Registry[SchedulingPolicy]:
    """Return the registry of a package of its own."""
    write(folder / "house", __init__="", **files)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    return Registry("house", SchedulingPolicy, GROUP, "scheduling policy")


def lifo(name: str = "lifo") -> str:
    return POLICY.format(name=name)


def choose(registry: Registry[SchedulingPolicy], name: str = "lifo") -> int:
    policy = registry.find(name).model_validate({"name": name})
    return policy.choose([None] * 3, None, 0)  # type: ignore[list-item]


def test_a_new_file_of_the_folder_is_a_new_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = house(tmp_path, monkeypatch, lifo=lifo(), other="")
    assert list(registry.all()) == ["lifo"]
    assert choose(registry) == 2


def test_two_of_one_name_are_an_error_that_names_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = house(tmp_path, monkeypatch, lifo=lifo(), stack=lifo())
    files = " and ".join(str(tmp_path / "house" / f"{name}.py") for name in ("lifo", "stack"))
    message = f"there are two of the scheduling policy 'lifo', in {files}; rename one"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        registry.all()


def test_a_plugin_may_not_take_the_name_of_what_is_there(tmp_path: Path) -> None:
    file = write(tmp_path, mine=lifo("fifo")) / "mine.py"
    load_plugins([file])
    with pytest.raises(ConfigError, match=rf"'fifo', in .*fifo\.py and {re.escape(str(file))}; "):
        SCHEDULING_POLICIES.all()


def test_a_policy_without_a_name_of_its_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = lifo().replace('Literal["lifo"]', "str")
    registry = house(tmp_path, monkeypatch, lifo=text)
    file = re.escape(str(tmp_path / "house" / "lifo.py"))
    lacks = r'LastInFirstOut: the scheduling policy lacks name: Literal\["mine"\] or the like$'
    with pytest.raises(ConfigError, match=f"^{file}: {lacks}"):
        registry.all()


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^there is no scheduling policy 'fiffo'; did you mean "
                                          r"'fifo'\?$"):  # fmt: skip
        SCHEDULING_POLICIES.find("fiffo")


@pytest.mark.parametrize("value", ["guest:LastInFirstOut", "guest"])
def test_an_installed_package_adds_a_class_or_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    info = tmp_path / "guest-1.dist-info"
    write(tmp_path, guest=lifo())
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nguest = {value}\n")
    registry = house(tmp_path, monkeypatch)
    assert choose(registry) == 2


def test_files_and_folders_are_loaded_once(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", lifo=lifo(), other=lifo("other"))
    digests = load_plugins([folder, folder / "lifo.py"])
    assert digests[0] == digests[2] != digests[1]
    policies = SCHEDULING_POLICIES.all()
    assert list(policies)[-2:] == ["lifo", "other"]
    assert load_plugins([folder]) == digests[:2]
    assert SCHEDULING_POLICIES.all() is policies


def test_two_files_of_one_content_are_two(tmp_path: Path) -> None:
    source = "from pathlib import Path\nHERE = Path(__file__).parent.name"
    files = [write(tmp_path / name, mine=source) / "mine.py" for name in ("a", "b")]
    one, other = load_plugins(files)
    assert one == other
    assert [plugin.module.HERE for plugin in loaded_plugins()] == ["a", "b"]
    twins = [write(tmp_path / name, lifo=lifo()) / "lifo.py" for name in ("a", "b")]
    load_plugins(twins)
    told = re.escape(f"two of the scheduling policy 'lifo', in {twins[0]} and {twins[1]}; rename")
    with pytest.raises(ConfigError, match=told):
        SCHEDULING_POLICIES.all()


def test_a_changed_file_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    file = write(tmp_path, lifo=lifo()) / "lifo.py"
    before = load_plugins([file])
    assert choose(SCHEDULING_POLICIES) == 2
    file.write_text(lifo().replace("-1", "-2"))
    assert load_plugins([file]) != before
    assert choose(SCHEDULING_POLICIES) == 1


class Host(ConfigModel):
    policy: Annotated[SchedulingPolicy, Choice(SCHEDULING_POLICIES)]


def test_a_plugin_is_read_from_a_document_and_stands_in_the_schema(tmp_path: Path) -> None:
    document = parse_document("policy: {name: lifo, plaice: 1}", Path("w.yaml"))
    unknown = r"^w\.yaml:1: policy\.name: expected 'earliest_deadline', 'fifo' or 'task_affinity', "
    with pytest.raises(ConfigError, match=unknown):
        validate(document, Host)
    load_plugins([write(tmp_path, lifo=lifo())])
    with pytest.raises(ConfigError, match=r"^w\.yaml:1: policy\.plaice: unknown key; did you mean "
                                          r"'place'\?$"):  # fmt: skip
        validate(document, Host)
    host = Host.model_validate({"policy": {"name": "lifo", "place": -3}})
    assert host.policy.choose([None] * 3, None, 0) == 0  # type: ignore[list-item]
    assert Host.model_validate(host.model_dump()) == host
    branches = Host.model_json_schema()["properties"]["policy"]["oneOf"]
    assert branches[-1]["title"] == "LastInFirstOut"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError: invalid syntax (mine.py, line 1)"),
        ("import nothing_here", "ModuleNotFoundError: No module named 'nothing_here'"),
    ],
)  # fmt: skip
def test_a_file_that_fails_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, mine=text) / "mine.py"
    with pytest.raises(ConfigError, match="^" + re.escape(f"plug-in '{file}': {message}")):
        load_plugins([file])
    assert plugins.loaded_plugins() == ()


@pytest.mark.parametrize("name", ["absent.py", "empty", "notes.txt"])
def test_a_path_without_python_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    message = f"plug-in '{tmp_path / name}': expected a Python file, or a folder with some"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        load_plugins([tmp_path / name])
