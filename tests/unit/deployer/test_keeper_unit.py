"""The unit that the keeper writes for systemd, for a folder with signs in its name that mean something to systemd."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from services.deployer.ssh import keeper


def keeper_in(folder: Path) -> ModuleType:
    """The keeper as it lies on a server."""
    (folder / "agent").mkdir(parents=True)
    uploaded = shutil.copy(str(keeper.__file__), folder / "agent" / "keeper.py")
    spec = importlib.util.spec_from_file_location("uploaded_keeper", uploaded)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    """A lone percent sign is a fatal error to systemd: the agent would be installed and never start."""
    uploaded = keeper_in(tmp_path / '100% "sure" $HOME \\n')
    lines = uploaded._unit().splitlines()
    written = str(tmp_path) + '/100%% \\"sure\\" $$HOME \\\\n/agent/keeper.py'
    assert f'ExecStart="{sys.executable}" "{written}" run' in lines
    assert f'Description=Callboard agent ({tmp_path}/100%% "sure" $HOME \\n)' in lines
