"""Files that exist already become datasets."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipetask.butler import DatasetRef, FileDataset
from pipetask.errors import ArtifactMissingError, ConflictingDefinitionError


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.fits"
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.full((4, 5), 1.0)), fits.ImageHDU(np.full((4, 5), 2.0))]
    fits.HDUList(hdus).writeto(path)
    return path


def ref(repo, detector):
    data_id = {"instrument": "Cam", "visit": 1, "detector": detector}
    return DatasetRef(repo.registry.get_dataset_type("calexp"), data_id, "first")


@pytest.mark.parametrize("transfer", ["direct", "copy", "symlink", "hardlink", "move"])
def test_a_file_is_read_whatever_way_it_came(repo, image, transfer):
    repo.ingest(FileDataset(image, ref(repo, 1), "fits_raw"), transfer=transfer)
    assert repo.get("calexp", visit=1, detector=1, collections="first").image[0, 0] == 1.0
    assert image.exists() == (transfer != "move")


def test_parts_of_one_file_are_datasets_of_their_own(repo, image):
    refs = [ref(repo, 1), ref(repo, 2)]
    repo.ingest(
        *(FileDataset(f"{image}#hdu={n}", r, "fits_raw") for n, r in enumerate(refs, 1)), transfer="direct"
    )
    assert [repo.get(r).image[0, 0] for r in refs] == [1.0, 2.0]


def test_a_file_of_several_datasets_is_brought_in_once_and_stays_for_the_others(repo, image):
    refs = [ref(repo, 1), ref(repo, 2)]
    repo.ingest(
        *(FileDataset(f"{image}#hdu={n}", r, "fits_raw") for n, r in enumerate(refs, 1)), transfer="copy"
    )
    assert len(list(Path(repo.root).rglob("*.fits"))) == 1
    repo.pruneDatasets(refs[:1], unstore=True, purge=True)
    assert repo.get(refs[1]).image[0, 0] == 2.0
    both = [ref(repo, 0), ref(repo, 3)]
    repo.ingest(FileDataset(image, both, "fits_raw"), transfer="copy")
    repo.pruneDatasets(both[:1], unstore=True, purge=True)
    assert repo.get(both[1]).image[0, 0] == 1.0
    repo.pruneDatasets(both[1:], unstore=True, purge=True)
    assert len(list(Path(repo.root).rglob("*.fits"))) == 1


def test_a_missing_file_leaves_nothing(repo, image):
    files = [
        FileDataset(image, ref(repo, 1), "fits_raw"),
        FileDataset("/no/such.fits", ref(repo, 2), "fits_raw"),
    ]
    with pytest.raises(ArtifactMissingError):
        repo.ingest(*files, transfer="copy")
    assert repo.query_datasets("calexp", "first", explain=False) == []
    assert list(Path(repo.root).rglob("*.fits")) == []


def test_a_conflict_leaves_the_callers_file(repo, image):
    inside = Path(repo.root) / "mine.fits"
    inside.write_bytes(image.read_bytes())
    repo.ingest(FileDataset(image, ref(repo, 1), "fits_raw"), transfer="direct")
    with pytest.raises(ConflictingDefinitionError):
        repo.ingest(FileDataset(inside, ref(repo, 1), "fits_raw"), transfer="auto")
    assert inside.exists()


@pytest.fixture(params=["one file system", "another file system"])
def linking(request, monkeypatch):
    """Whether files can be linked to: not across file systems."""
    if request.param == "another file system":

        def link(*args, **kwargs):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        monkeypatch.setattr(os, "link", link)


def test_a_file_that_is_moved_in_stays_where_it_was_until_the_commit(repo, image, linking):
    content = image.read_bytes()

    def fail():
        with repo.transaction():
            repo.ingest(FileDataset(image, ref(repo, 1), "fits_raw"), transfer="move")
            assert repo.get("calexp", visit=1, detector=1, collections="first").image[0, 0] == 1.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert image.read_bytes() == content
    assert list(Path(repo.root).rglob("*.fits")) == []
    with repo.transaction():
        repo.ingest(FileDataset(image.as_uri(), ref(repo, 1), "fits_raw"), transfer="move")
        assert image.exists()
    assert not image.exists()
    (moved,) = Path(repo.root).rglob("*.fits")
    assert moved.read_bytes() == content


def test_a_source_that_cannot_be_deleted_is_told(repo, image, monkeypatch, caplog):
    unlink = Path.unlink

    def refuse(path, *, missing_ok=False):
        if path == image:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    repo.ingest(FileDataset(image, ref(repo, 1), "fits_raw"), transfer="move")
    assert repo.get("calexp", visit=1, detector=1, collections="first").image[0, 0] == 1.0
    assert f"{image} was taken in, but can't be deleted: Permission denied" in caplog.text
