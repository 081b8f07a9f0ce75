import os
import stat
from pathlib import Path

import pytest

from isthmus._files import atomic_write


def write(path, content):
    with atomic_write(path) as file:
        file.write(content)


def write_half(path, failure):
    with atomic_write(path) as file:
        file.write(b"half")
        raise failure


def test_the_file_appears_whole(tmp_path):
    target = tmp_path / "new.bin"
    with atomic_write(target) as file:
        file.write(b"abc")
        assert not target.exists()
        assert Path(file.name).parent == tmp_path
    assert target.read_bytes() == b"abc"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    target = tmp_path / "old.bin"
    target.write_bytes(b"old")
    with pytest.raises(failure):
        write_half(target, failure)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_may_use_the_path_of_the_temporary(tmp_path):
    with atomic_write(tmp_path / "new.bin") as file:
        Path(file.name).write_bytes(b"by path")
    assert (tmp_path / "new.bin").read_bytes() == b"by path"


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_permissions_of_a_replaced_file_are_kept(tmp_path):
    target = tmp_path / "private.bin"
    target.write_bytes(b"old")
    target.chmod(0o600)
    write(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_permissions_of_a_new_file_are_those_of_an_ordinary_one(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")
    write(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="links need no privilege on POSIX")
def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="the null device of POSIX")
def test_a_device_is_written_to_and_not_replaced():
    write("/dev/null", b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"it is a folder\. Give the path of a file"):
        write(tmp_path, b"")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*missing'\. Make it, or write elsewhere"):
        write(tmp_path / "missing" / "file.bin", b"")
