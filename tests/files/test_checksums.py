"""Checksums of large files, which are kept in a build while the files stay the same."""

import hashlib
import os
from pathlib import Path

import pytest

from head_patching.files import checksums
from head_patching.files.checksums import KEPT, sha256_file


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that counts as large and as written long ago, in the folder of a build."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checksums, "LARGE", 4)
    monkeypatch.setattr(checksums, "SETTLED", -1.0)
    KEPT.parent.mkdir()
    file = Path("weights")
    file.write_bytes(b"12345678")
    return file


def expected(content):
    return hashlib.sha256(content).hexdigest()


def test_a_large_file_is_read_once(large, monkeypatch):
    assert sha256_file(large) == expected(b"12345678")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert sha256_file(large) == expected(b"12345678")
    assert len(list(KEPT.iterdir())) == 1


def test_an_edit_is_seen_though_size_and_time_are_the_same(large):
    sha256_file(large)
    before = large.stat()
    with large.open("r+b") as file:
        file.write(b"x")
    # The clock of a file system has ticks of some milliseconds.
    while large.stat().st_ctime_ns == before.st_ctime_ns:
        os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert large.stat().st_mtime_ns == before.st_mtime_ns
    assert sha256_file(large) == expected(b"x2345678")


def test_another_file_in_its_place_is_seen(large):
    sha256_file(large)
    before = large.stat()
    other = Path("other")
    other.write_bytes(b"87654321")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(large)
    assert sha256_file(large) == expected(b"87654321")


def test_a_file_just_written_is_not_kept(large, monkeypatch):
    monkeypatch.setattr(checksums, "SETTLED", 60.0)
    assert sha256_file(large) == expected(b"12345678")
    assert not KEPT.exists()


@pytest.mark.parametrize("text", ["", "8", "8 1 2 abc", "\0"])
def test_what_was_kept_and_damaged_is_not_believed(large, text):
    sha256_file(large)
    [kept] = KEPT.iterdir()
    kept.write_text(text)
    assert sha256_file(large) == expected(b"12345678")


def test_outside_a_build_nothing_is_kept(large):
    KEPT.parent.rmdir()
    assert sha256_file(large) == expected(b"12345678")
    assert not KEPT.parent.exists()
