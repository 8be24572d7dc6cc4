"""Which files may be overwritten, and what a new file keeps of the old one: name, mode, owner."""

import errno
import os
import stat

import numpy as np
import pytest

from fastsoftmax.files import atomic
from fastsoftmax.files.outputs import Kind, check_output

OURS = Kind("one of ours", lambda path: path.read_text().startswith("ours"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").write_text("ours, but read")
    (tmp_path / "ours").write_text("ours")
    (tmp_path / "other").write_text("other")
    (tmp_path / "empty").touch()
    (tmp_path / "symbolic").symlink_to("source")
    (tmp_path / "dangling").symlink_to("new")
    os.link("source", "hard")
    (tmp_path / "folder").mkdir()
    return tmp_path


def check(path, folder, force=False):
    check_output("--out", folder / path, OURS, sources=(folder / "source", None, folder / "absent"), force=force)


@pytest.mark.parametrize("path", ["new", "ours", "empty", "dangling"])
def test_accepted(folder, path):
    check(path, folder)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("path", ["source", "folder/../source", "symbolic", "hard"])
def test_a_source_is_never_overwritten(folder, path, force):
    with pytest.raises(ValueError, match="--out must not be a file that the command reads, found") as error:
        check(path, folder, force)
    assert ("which is the same file as" in str(error.value)) == (path != "source")


def test_another_file_is_overwritten_by_force_alone(folder):
    with pytest.raises(ValueError, match=r"new file or one of ours, found .*other, which is neither; --force"):
        check("other", folder)
    check("other", folder, force=True)


def test_a_directory_is_not_overwritten_by_force(folder):
    with pytest.raises(ValueError, match="it is a directory"):
        check("folder", folder, force=True)


def write(path, text="new"):
    with atomic.atomic_path(path) as temporary:
        temporary.write_text(text)


class TestPermissions:
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
    def test_a_file_that_is_replaced_keeps_its_mode(self, folder, mode):
        (folder / "ours").chmod(mode)
        write("ours")
        assert stat.S_IMODE((folder / "ours").stat().st_mode) == mode
        assert (folder / "ours").read_text() == "new"

    def test_nobody_else_can_read_it_while_it_is_written(self, folder):
        (folder / "ours").chmod(0o600)
        with atomic.atomic_path("ours") as temporary:
            temporary.write_text("secret")
            assert stat.S_IMODE(temporary.parent.stat().st_mode) == 0o700

    @pytest.mark.parametrize("umask", [0o022, 0o077])
    def test_a_new_file_has_the_mode_of_the_umask(self, folder, umask):
        before = os.umask(umask)
        try:
            write("new")
        finally:
            os.umask(before)
        assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o666 & ~umask

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
    def test_a_file_that_is_replaced_keeps_its_owner(self, folder):
        os.chown(folder / "ours", 12345, 54321)
        write("ours")
        status = (folder / "ours").stat()
        assert (status.st_uid, status.st_gid) == (12345, 54321)

    def test_a_file_that_is_read_only_is_kept(self, folder, monkeypatch):
        access = os.access
        # The superuser may write any file.
        monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and path != folder / "ours")
        with pytest.raises(PermissionError, match="cannot write ours: the file is read-only"):
            write("ours")
        assert (folder / "ours").read_text() == "ours"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("name", [None, ".fastsoftmax-abc/ours"])
def test_a_failed_write_names_the_file_that_was_asked_for(folder, number, name):
    def fail(path):
        with atomic.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError(number, os.strerror(number), name)

    with pytest.raises(OSError, match=f"{os.strerror(number)}: 'ours'") as error:
        fail("ours")
    assert error.value.filename == "ours"
    assert error.value.errno == number
    assert (folder / "ours").read_text() == "ours"
    assert not list(folder.glob(".fastsoftmax*"))


def test_the_kinds_know_what_is_written(folder):
    from fastsoftmax.files.data_file import PREDICTIONS, write_table
    from fastsoftmax.files.model_file import MODEL, Model, save_model

    pytest.importorskip("pyarrow")
    pytest.importorskip("safetensors")
    save_model("model", Model(np.ones((2, 3)), np.zeros(2), np.array(["a", "b"])))
    assert MODEL.recognises(folder / "model")
    for suffix in (".csv", ".parquet"):
        columns = {"prediction": np.array(["u", "v"]), "probability_u": np.ones(2), "probability_v, w": np.ones(2)}
        write_table(f"predictions{suffix}", columns)
        assert PREDICTIONS.recognises(folder / f"predictions{suffix}")
        write_table(f"more{suffix}", {**columns, "comment": np.array(["x", "y"])})
        (folder / f"damaged{suffix}").write_bytes(b"\xff\xfe\x00")
        for other in ("more", "damaged"):
            assert not PREDICTIONS.recognises(folder / f"{other}{suffix}")
    whole = (folder / "model").read_bytes()
    for other in (b"", whole[:-1], whole.replace(b"fastsoftmax.model", b"anothers....model"), b"text"):
        (folder / "other").write_bytes(other)
        assert not MODEL.recognises(folder / "other")
