from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.inputs.shipped import find_input, shipped_file, shipped_folder


@pytest.mark.parametrize("folder", ["hwconfigs", "workloads"])
def test_a_shipped_file_is_found_from_everywhere(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [path.name for path in shipped_folder(folder).glob("*.yaml")]
    monkeypatch.chdir(tmp_path)
    for name in names:
        own = tmp_path / folder / name
        assert shipped_file(f"{folder}/{name}").is_absolute()
        assert shipped_file(f"{folder}/{name}").is_file()
        assert find_input(Path(folder) / name) == shipped_file(f"{folder}/{name}")
        own.parent.mkdir(exist_ok=True)
        own.touch()
        assert find_input(Path(folder) / name) == Path(folder) / name
        assert shipped_file(f"{folder}/{name}") == shipped_folder(folder) / name != own
    assert names


def test_a_file_of_a_folder_below_is_found() -> None:
    assert shipped_file("hwconfigs/technologies/sram.yaml").is_file()
