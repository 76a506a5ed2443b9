from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from snnbench.builtin.datasets import cifar10, cifar100, digits
from snnbench.data import fingerprint, prepare
from snnbench.errors import DataError


def ignore(received: int, expected: int | None) -> None:
    pass


def pack(folder: Path, archive: Path, prefix: str = "", mode: str = "w:gz") -> Path:
    with tarfile.open(archive, mode) as content:
        content.add(folder, f"{prefix}{folder.name}")
    return archive


def put(fake, root, origin):
    folder = prepare(fake.dataset, root, origin, ignore)
    for split in ("train", "test"):
        assert fingerprint(*fake.dataset.load(root, split)) == fake.dataset.fingerprints[split]
    assert list(root.iterdir()) == [folder]
    return folder


def refuse(fake, root, origin, message):
    with pytest.raises(DataError, match=message) as caught:
        prepare(fake.dataset, root, origin, ignore)
    assert "\n" not in str(caught.value)
    assert list(root.iterdir()) == []


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.parametrize("kind", ["binary", "pickle"])
@pytest.mark.parametrize(("prefix", "mode"), [("", "w:gz"), ("./", "w"), ("some/where/", "w:xz")])
def test_import_from_an_archive(fake, root, tmp_path, kind, prefix, mode):
    folder = getattr(fake, f"write_{kind}")(tmp_path / "made")
    archive = pack(folder, tmp_path / "any.name", prefix, mode)
    assert put(fake, root, archive) == root / folder.name


@pytest.mark.parametrize("kind", ["binary", "pickle"])
def test_import_from_a_folder(fake, root, tmp_path, kind):
    folder = getattr(fake, f"write_{kind}")(tmp_path / "made")
    assert put(fake, root, folder.parent) == root / folder.name
    assert put(fake, tmp_path / "new" / "root", folder.rename(tmp_path / "other name")).name == folder.name


def test_what_is_prepared_is_kept(fake, root, tmp_path):
    folder = fake.write_binary(root)
    before = folder.stat()
    assert prepare(fake.dataset, root, tmp_path / "nowhere", ignore) == folder
    assert folder.stat() == before


def test_what_is_damaged_is_not_replaced(fake, root, tmp_path):
    good = fake.write_binary(tmp_path / "made")
    folder = fake.write_binary(root)
    (folder / "two.bin").unlink()
    with pytest.raises(DataError, match=rf"two\.bin is missing; remove {folder} and run 'snnbench data prepare fake'"):
        prepare(fake.dataset, root, good, ignore)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_damage_is_told_by_the_name_it_has_for_the_user(fake, root, tmp_path, kind):
    folder = fake.write_binary(tmp_path / "made")
    origin = (lambda: pack(folder, tmp_path / "a.tar.gz")) if kind == "archive" else (lambda: folder.parent)
    os.truncate(folder / "two.bin", 146)
    refuse(fake, root, origin(), f"^{origin()}/fake-bin/two.bin is truncated or altered: it has 146 bytes")
    (folder / "two.bin").unlink()
    refuse(fake, root, origin(), f"^{origin()}/fake-bin/two.bin is missing")
    (folder / "two.bin").write_bytes(bytes(147))
    refuse(fake, root, origin(), f"^{origin()}/fake-bin is altered: the fingerprint of the train split")


def test_unknown_layouts(fake, root, tmp_path):
    refuse(fake, root, tmp_path / "nowhere", "there is no .*nowhere to import from")
    refuse(fake, root, root, "is of an unknown layout: it is no folder or tar archive of fake-bin or fake-py")
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.csv").write_text("1,2")
    refuse(fake, root, other, "unknown layout")
    refuse(fake, root, other / "data.csv", "unknown layout")
    refuse(fake, root, pack(other, tmp_path / "other.tar.gz"), "unknown layout")


def test_damaged_archives(fake, root, tmp_path):
    folder = fake.write_binary(tmp_path / "made")
    (folder / "readme.html").write_bytes(np.random.default_rng(0).bytes(100_000))
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        archive = pack(folder, tmp_path / "archive", mode=mode)
        os.truncate(archive, 50_000)
        refuse(fake, root, archive, "cannot unpack .*/archive: |/archive is of an unknown layout")


def test_only_known_files_leave_an_archive(fake, root, tmp_path):
    folder = fake.write_binary(tmp_path / "made")
    (folder / "readme.html").write_text("hello")
    archive = pack(folder, tmp_path / "a.tar", mode="w")
    with tarfile.open(archive, "a") as content:
        for name in ("../outside", "/tmp/outside", "fake-bin/../outside", "fake-bin/sub/one.bin", "one.bin"):
            member = tarfile.TarInfo(name)
            member.size = 4
            content.addfile(member, io.BytesIO(b"harm"))
    assert {path.name for path in put(fake, root, archive).iterdir()} == {"one.bin", "two.bin", "three.bin"}
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_regular_files_leave_an_archive(fake, root, tmp_path, kind):
    folder = fake.write_binary(tmp_path / "made")
    (folder / "one.bin").rename(tmp_path / "elsewhere")
    archive = pack(folder, tmp_path / "a.tar", mode="w")
    with tarfile.open(archive, "a") as content:
        link = tarfile.TarInfo("fake-bin/one.bin")
        link.type, link.linkname = kind, str(tmp_path / "elsewhere")
        content.addfile(link)
    refuse(fake, root, archive, "one.bin is missing")


def test_malicious_pickles_are_refused(fake, root, tmp_path):
    folder = fake.write_pickle(tmp_path / "made")
    (folder / "one").write_bytes(b"cos\nsystem\n(S'touch harm'\ntR." + bytes(200))
    message = f"^{folder.parent}/fake-py/one .* asks for os.system, which no array needs"
    refuse(fake, root, folder.parent, message)


def test_an_unwritable_root(fake, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=f"cannot put fake into {tmp_path}/file/root: .*; choose another folder by --d"):
        prepare(fake.dataset, tmp_path / "file" / "root", fake.write_binary(tmp_path / "made"), ignore)


def test_embedded_data_need_no_preparation():
    with pytest.raises(DataError, match="digits comes with a package: there is nothing to download or import"):
        prepare(digits, None, None, ignore)


class Placed:
    """Files that others put there, in a format that snnbench does not know."""

    def __init__(self, fake):
        self.fake = fake

    def locate(self, root):
        return self.fake.source.locate(root)

    def files(self, root):
        return self.fake.source.files(root)

    def read(self, root, split):
        return self.fake.source.read(root, split)


def test_data_that_a_plugin_only_reads(fake, root, tmp_path):
    dataset = replace(fake.dataset, source=Placed(fake.dataset))
    for told in (
        lambda: prepare(dataset, root, None, ignore),
        lambda: prepare(dataset, root, tmp_path, ignore),
        lambda: dataset.load(root, "train"),
    ):
        with pytest.raises(DataError, match=r"put its files .*as the plugin that brings it says") as caught:
            told()
        assert "data prepare" not in str(caught.value)
        assert "comes with a package" not in str(caught.value)
    folder = fake.write_binary(root)
    assert prepare(dataset, root, None, ignore) == folder


def test_interrupted_imports_leave_nothing(fake, root, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(fake.dataset), "check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(fake.dataset, root, fake.write_binary(tmp_path / "made"), ignore)
    assert list(root.iterdir()) == []


def test_another_process_may_be_first(fake, root, tmp_path, monkeypatch):
    rename = Path.rename

    def late(self, target):
        fake.write_binary(root)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    put(fake, root, fake.write_binary(tmp_path / "made"))


def test_several_processes_at_once(fake, root, tmp_path):
    origin = pack(fake.write_binary(tmp_path / "made"), tmp_path / "a.tar.gz")
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(prepare, fake.dataset, root, origin, print) for _ in range(6)]
        assert {job.result(timeout=100) for job in jobs} == {root / "fake-bin"}
    put(fake, root, None)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    handler = partial(QuietHandler, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield tmp_path / "served", f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join(timeout=60)


def test_download(make_fake, root, server, tmp_path):
    served, url = server
    archive = pack(make_fake().write_binary(tmp_path / "made"), served / "fake.tar.gz")
    fake = make_fake(url=f"{url}/fake.tar.gz", md5=hashlib.md5(archive.read_bytes()).hexdigest())
    seen = []
    folder = prepare(fake.dataset, root, None, lambda *progress: seen.append(progress))
    assert seen[-1] == (archive.stat().st_size,) * 2
    assert folder == root / "fake-bin"
    assert list(root.iterdir()) == [folder]
    put(fake, root, None)


def test_failed_downloads(make_fake, root, server, tmp_path):
    served, url = server
    archive = pack(make_fake().write_binary(tmp_path / "made"), served / "fake.tar.gz")
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    refuse(make_fake(url=f"{url}/none.tar.gz", md5=md5), root, None, r"cannot download .*404.*import it by --from PATH")
    archive.write_bytes(archive.read_bytes()[:-1])
    fake = make_fake(url=f"{url}/fake.tar.gz", md5=md5)
    refuse(fake, root, None, f"fake.tar.gz is incomplete or altered: its MD5 sum is .* instead of {md5}")
    refuse(make_fake(url="http://127.0.0.1:9/x"), root, None, r"cannot download http://127\.0\.0\.1:9/x: ")


def test_downloads_whose_content_is_altered(make_fake, root, server, tmp_path):
    served, url = server
    folder = make_fake().write_binary(tmp_path / "made")
    (folder / "one.bin").write_bytes(bytes(147))
    archive = pack(folder, served / "fake.tar.gz")
    fake = make_fake(url=f"{url}/fake.tar.gz", md5=hashlib.md5(archive.read_bytes()).hexdigest())
    refuse(fake, root, None, f"^{fake.dataset.source.url}/fake-bin is altered")


def test_loading_never_downloads(make_fake, root, server):
    _, url = server
    with pytest.raises(DataError, match="not prepared"):
        make_fake(url=f"{url}/fake.tar.gz").dataset.load(root, "train")


@pytest.mark.slow
@pytest.mark.parametrize("dataset", [cifar10, cifar100], ids=lambda dataset: dataset.name)
def test_cifar_from_an_archive_and_a_folder(dataset, cifar_root, tmp_path):
    binary = cifar_root / dataset.source.layouts[0].folder
    archive = pack(binary, tmp_path / "cifar.tar", mode="w")
    for origin in (archive, cifar_root):
        root = tmp_path / f"root of {origin.name}"
        assert prepare(dataset, root, origin, ignore) == root / binary.name
        dataset.check(root)
        assert list(root.iterdir()) == [root / binary.name]
