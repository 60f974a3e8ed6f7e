"""The Omniglot protocol, its two sources, and episodes."""

import dataclasses
import hashlib
import io
import shutil
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from torchvision.datasets import Omniglot

from fewshot.data import omniglot
from fewshot.data.episodes import EpisodeSampler, evaluation_episodes
from fewshot.data.errors import DataError
from fewshot.training.augment import augment, augment_photos
from tests.conftest import SHARED, needs_shared
from tests.mutations import all_end_well, damaged, odd_array


def test_max_pool_takes_rows_and_columns_0_to_103():
    drawing = np.zeros((105, 105), np.uint8)
    drawing[7, 3] = drawing[104, 50] = drawing[50, 104] = 1
    pooled = omniglot.max_pool(drawing)
    assert pooled.shape == (26, 26)
    assert np.argwhere(pooled).tolist() == [[1, 0]]


@needs_shared
def test_the_original_folders_and_the_packed_file_hold_the_same_drawings(tmp_path):
    for archive in sorted((SHARED / "omniglot_original").glob("*.zip")):
        zipfile.ZipFile(archive).extractall(tmp_path)
    folder = omniglot.load(tmp_path)
    packed = omniglot.load(SHARED / "omniglot_45_alphabets.npz")
    # In both, the drawings of a character are in the order of their drawers.
    of_packed = {packed.class_name[packed.class_id[m[0]]]: packed.images[m] for m in packed.characters()}
    of_folder = {folder.class_name[folder.class_id[m[0]]]: folder.images[m] for m in folder.characters()}
    assert len(of_folder) > 100
    for name, images in of_folder.items():
        np.testing.assert_array_equal(images, of_packed[name], err_msg=name)


@needs_shared
def test_the_45_alphabets():
    drawings = omniglot.load(SHARED / "omniglot_45_alphabets.npz")
    assert drawings.images.shape == (29580, 26, 26)
    alphabets = {name.split("/")[0] for name in drawings.class_name}
    assert len(alphabets) == 45
    assert not alphabets & set(omniglot.TEST_ALPHABETS)
    validation, training = drawings.split("validation"), drawings.split("training")
    assert len(validation.characters()) == 156
    assert len(validation.images) + len(training.images) == len(drawings.images)
    assert not set(validation.class_id) & set(training.class_id)


def test_training_never_sees_a_test_alphabet():
    names = ("Greek/01", *(f"{a}/01" for a in omniglot.VALIDATION_ALPHABETS + omniglot.TEST_ALPHABETS))
    packed = np.zeros((11, 1379), np.uint8)
    drawings = omniglot.Drawings(np.zeros((11, 26, 26), np.uint8), packed, np.arange(11), names)
    expected = {"all": 11, "training": 1, "training+validation": 6, "validation": 5, "test": 5}
    assert {name: len(drawings.split(name).images) for name in omniglot.SPLITS} == expected
    assert set(drawings.split("training+validation").class_id) == set(range(6))


def test_a_folder_as_torchvision_leaves_it(tmp_path, packed_file):
    folder = tmp_path / "omniglot-py" / "images_background" / "Madeup" / "character01"
    folder.mkdir(parents=True)
    ink = np.zeros((105, 105), bool)
    ink[20:80, 50:53] = True
    Image.fromarray(~ink).save(folder / "0001_01.png")
    drawings = omniglot.load(tmp_path)
    assert drawings.class_name == ("Madeup/01",)
    np.testing.assert_array_equal(drawings.images[0], omniglot.max_pool(ink.astype(np.uint8)))


def test_episodes_have_no_drawing_twice(packed_file):
    drawings = omniglot.load(packed_file)
    # Number the drawings by their pixels, to tell them apart.
    numbers = np.arange(len(drawings.images), dtype=np.uint8)
    numbered = dataclasses.replace(drawings, images=np.repeat(numbers, 4).reshape(-1, 2, 2))
    sampler = EpisodeSampler(numbered, characters=3, targets=4, seed=0)
    shots = set()
    for step in range(60):
        supports, targets = sampler.batch(step)
        shots.add(supports.shape[1])
        drawn = np.concatenate([supports, targets], axis=1)[:, :, 0, 0]
        for episode in drawn:
            assert len(set(episode)) == len(episode)
            assert len(set(drawings.class_id[episode])) == 1
        assert len(set(drawings.class_id[drawn[:, 0]])) == 3
    assert shots == set(range(1, 9))


def test_episodes_depend_on_the_seed_and_the_step_alone(packed_file):
    drawings = omniglot.load(packed_file)
    one, same, other = (EpisodeSampler(drawings, 2, 4, seed) for seed in (0, 0, 1))
    for step in (5, 0, 5):
        np.testing.assert_array_equal(one.batch(step).targets, same.batch(step).targets)
    assert any((one.batch(k).targets != other.batch(k).targets).any() for k in range(3))
    assert (one.batch(0).targets != one.batch(1).targets).any()


def test_the_originals_pool_to_the_images(packed_file):
    drawings = omniglot.load(packed_file).split("validation")
    some = np.array([3, 70])
    np.testing.assert_array_equal(omniglot.max_pool(drawings.originals(some)), drawings.images[some])


def test_a_transform_gets_each_episode_whole_and_processes_share_a_step(packed_file):
    drawings = omniglot.load(packed_file)
    seen = []

    def note(originals, rng, another):
        assert another().shape == originals.shape
        seen.append((len(originals), rng.random()))
        return originals[:, ::-1]

    noted = EpisodeSampler(drawings, characters=4, targets=4, seed=0, transform=note)
    plain = EpisodeSampler(drawings, characters=4, targets=4, seed=0)
    episodes = noted.batch(7)
    shots = episodes.supports.shape[1]
    assert [n for n, _ in seen] == [shots + 4] * 4
    assert len({number for _, number in seen}) == 4, "the episodes of a step must not change alike"
    assert (episodes.targets != plain.batch(7).targets).any()
    halves = [noted.batch(7, rank, world=2) for rank in range(2)]
    for rank, half in enumerate(halves):
        np.testing.assert_array_equal(half.supports, episodes.supports[rank::2])
        np.testing.assert_array_equal(half.targets, episodes.targets[rank::2])


def test_augmentation_changes_half_of_the_characters_and_all_drawings_of_one_alike():
    drawing = np.zeros((105, 105), np.uint8)
    drawing[20:80, 30:35] = drawing[75:80, 30:60] = 1
    changed = [augment(np.stack([drawing] * 3), np.random.default_rng(seed)) for seed in range(60)]
    assert all((c[1:] == c[0]).all() and set(np.unique(c)) == {0, 1} for c in changed)
    assert 15 < sum((c[0] == drawing).all() for c in changed) < 45
    ink = np.array([c[0].sum() for c in changed]) / drawing.sum()
    assert ((ink > 0.5) & (ink < 2)).all()
    # A quarter turn lays the long stroke down.
    lying = [np.ptp(np.nonzero(c[0])[1]) > np.ptp(np.nonzero(c[0])[0]) for c in changed]
    assert 5 < sum(lying) < 40
    blank = np.zeros((2, 105, 105), np.uint8)
    assert not augment(blank, np.random.default_rng(0), share=1).any()


def test_redrawn_drawings_have_the_lines_and_the_ink_that_they_had():
    from skimage.draw import disk, line

    drawing = np.zeros((105, 105), np.uint8)
    for row, column in np.transpose(line(20, 20, 80, 60)):
        drawing[disk((row, column), 2.6)] = 1
    for seed in range(20):
        again = augment(drawing[None], np.random.default_rng(seed), share=1)[0]
        assert 0.7 < again.sum() / drawing.sum() < 1.4
        assert ndimage.distance_transform_edt(again).max() < 4  # no thicker


def test_some_characters_become_one_with_another_that_all_their_drawings_share():
    across, down = (np.zeros((3, 105, 105), np.uint8) for _ in range(2))
    across[:, 50:55, 20:85], down[:, 20:85, 50:55] = 1, 1
    composed = 0
    for seed in range(60):
        changed = augment(across, np.random.default_rng(seed), share=1, another=lambda: down)
        assert (changed == changed[0]).all()
        composed += ndimage.label(changed[0])[1] == 2
    assert 8 < composed < 30
    long = np.zeros((3, 105, 105), np.uint8)
    long[:, 10:95:10, 5:100] = 1
    for seed in range(20):  # too much for one character
        changed = augment(across, np.random.default_rng(seed), share=1, another=lambda: long)
        assert ndimage.label(changed[0])[1] == 1


def test_augmented_photographs_of_one_product_are_turned_and_coloured_alike():
    photo = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    changed = [augment_photos(np.stack([photo] * 4), np.random.default_rng(seed)) for seed in range(100)]
    assert all((c[1:] == c[0]).all() for c in changed)
    assert 30 < sum((c[0] == photo).all() for c in changed) < 70
    assert len({c.tobytes() for c in changed}) > 20
    # Nothing but the order of the colours and of the pixels: each value stays beside its neighbours.
    values = np.sort(photo, axis=2)
    turned = [np.rot90(v, k) for v in (values, values[:, ::-1]) for k in range(4)]
    assert all(any((np.sort(c[0], axis=2) == v).all() for v in turned) for c in changed)


def test_evaluation_scores_the_same_targets_at_all_shots(packed_file):
    drawings = omniglot.load(packed_file)
    few, many = (evaluation_episodes(drawings, shots, 8, seed=0) for shots in (1, 8))
    assert len(few.targets) == 10
    np.testing.assert_array_equal(few.targets, many.targets)
    np.testing.assert_array_equal(few.supports[:, 0], many.supports[:, 0])


def test_bad_data_is_named_in_one_sentence(tmp_path, packed_file):
    text = tmp_path / "text.npz"
    text.write_text("not an archive")
    truncated = tmp_path / "truncated.npz"
    truncated.write_bytes(packed_file.read_bytes()[:2000])
    with np.load(packed_file) as arrays:
        packed = dict(arrays)
    np.savez_compressed(tmp_path / "flipped.npz", **packed)
    flipped = bytearray((tmp_path / "flipped.npz").read_bytes())
    flipped[300] ^= 255
    (tmp_path / "flipped.npz").write_bytes(flipped)
    np.savez(tmp_path / "unequal.npz", **(packed | {"class_id": packed["class_id"][:-1]}))
    np.savez(tmp_path / "unnamed.npz", **(packed | {"class_name": packed["class_name"][:-1]}))
    np.savez(tmp_path / "floats.npz", **(packed | {"images": packed["images"].astype(float)}))
    np.save(tmp_path / "array.npy", packed["images"])
    (tmp_path / "empty").mkdir()
    damaged = [tmp_path / name for name in ("flipped.npz", "unequal.npz", "unnamed.npz", "floats.npz", "array.npy")]
    for path in (tmp_path / "missing.npz", text, truncated, tmp_path / "empty", *damaged):
        with pytest.raises(DataError, match=str(path.name)) as error:
            omniglot.load(path)
        assert "\n" not in str(error.value)
    drawings = omniglot.load(packed_file)
    with pytest.raises(DataError, match="no drawing of the test"):
        drawings.split("test")
    with pytest.raises(DataError, match="no split"):
        drawings.split("tset")
    with pytest.raises(DataError, match="at least 50 characters"):
        EpisodeSampler(drawings, 50, 4, 0)
    with pytest.raises(DataError, match="has only 20"):
        evaluation_episodes(drawings, 16, 8, 0)
    for shots, targets in ((0, 8), (-1, 8), (4, 0)):
        with pytest.raises(DataError, match="at least 1"):
            evaluation_episodes(drawings, shots, targets, 0)


def ink_in_the_middle() -> np.ndarray:
    ink = np.zeros((105, 105), np.uint8)
    ink[20:80, 50:55] = 1
    return ink


def omniglot_folder(path, image: Image.Image, name="0001_01.png"):
    folder = path / "Madeup" / "character01"
    folder.mkdir(parents=True)
    image.save(folder / name)
    return folder


CLEAR = np.dstack([np.zeros((105, 105, 3), np.uint8), 255 * ink_in_the_middle()])


@pytest.mark.parametrize(
    "pixels",
    [CLEAR, 255 * ink_in_the_middle(), ink_in_the_middle(), 1 - ink_in_the_middle(), 255 * (1 - ink_in_the_middle())],
    ids=["black on clear", "white on black", "1 on 0", "0 on 1", "black on white"],
)
def test_ink_is_known_however_the_files_were_saved(pixels, tmp_path):
    omniglot_folder(tmp_path, Image.fromarray(pixels))
    drawings = omniglot.load(tmp_path)
    np.testing.assert_array_equal(drawings.originals(np.array([0]))[0], ink_in_the_middle())


def test_what_systems_leave_beside_pictures_is_skipped_with_a_count(tmp_path, capsys):
    folder = omniglot_folder(tmp_path, Image.fromarray(255 * (1 - ink_in_the_middle())))
    (folder / "._0001_01.png").write_bytes(b"Mac OS X")
    (folder / "Thumbs.db").write_bytes(b"Windows")
    beside = tmp_path / "__MACOSX" / "Madeup" / "character01"
    beside.mkdir(parents=True)
    (beside / "0001_01.png").write_bytes(b"Mac OS X")
    assert len(omniglot.load(tmp_path).images) == 1
    assert capsys.readouterr().err.startswith("2 hidden files")


def test_an_alphabet_may_be_the_folder_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(omniglot_folder(tmp_path, Image.fromarray(255 * (1 - ink_in_the_middle()))))
    assert omniglot.load(".").class_name == ("Madeup/01",)


@pytest.mark.parametrize("format", ["GIF", "BMP", "JPEG"])
def test_omniglot_is_png(format, tmp_path):
    file = omniglot_folder(tmp_path, Image.fromarray(255 * (1 - ink_in_the_middle()))) / "0001_01.png"
    buffer = io.BytesIO()
    Image.fromarray(255 * (1 - ink_in_the_middle())).save(buffer, format)
    file.write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="use PNG"):
        omniglot.load(tmp_path)


def test_packed_drawings_that_are_mostly_ink_are_refused(packed_file, tmp_path):
    with np.load(packed_file) as arrays:
        packed = dict(arrays)
    np.savez(tmp_path / "inverted.npz", **(packed | {"images": ~packed["images"]}))
    with pytest.raises(DataError, match="is ink"):
        omniglot.load(tmp_path / "inverted.npz")


@pytest.mark.parametrize(
    "name", ["Syriac (Serto)", "syriac_serto", "SYLHETI", "Tibetan ", "n-ko", "Alphabet of the Magi", "u.l.o.g."]
)
def test_held_out_alphabets_stay_so_however_they_are_spelt(name):
    packed = np.zeros((2, 1379), np.uint8)
    drawings = omniglot.Drawings(np.zeros((2, 26, 26), np.uint8), packed, np.arange(2), ("Greek/01", f"{name}/01"))
    assert list(drawings.split("training").class_id) == [0]


def test_a_packed_file_is_not_believed(packed_file, tmp_path):
    """A few bytes that claim ten trillion drawings; and class ids that are no whole numbers."""
    with np.load(packed_file) as arrays:
        packed = dict(arrays)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**13, 1379)})
    np.savez(tmp_path / "claims.npz", class_id=packed["class_id"], class_name=packed["class_name"])
    with zipfile.ZipFile(tmp_path / "claims.npz", "a") as archive:
        archive.writestr("images.npy", header.getvalue())
    with zipfile.ZipFile(tmp_path / "open.npz", "w") as archive:
        for name, array in packed.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
        archive.writestr("images.npy", header.getvalue().replace(b"),", b"  "))  # what is opened is not closed
    with zipfile.ZipFile(tmp_path / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", header.getvalue())
    lzma = bytearray((tmp_path / "lzma.npz").read_bytes())
    lzma[60] ^= 255
    (tmp_path / "lzma.npz").write_bytes(lzma)
    np.savez(tmp_path / "bytes.npz", **(packed | {"class_name": packed["class_name"].astype("S")}))
    np.savez(tmp_path / "halves.npz", **(packed | {"class_id": packed["class_id"] + 0.5}))
    np.savez(tmp_path / "none.npz", **(packed | {"images": packed["images"][:0], "class_id": packed["class_id"][:0]}))
    for name in ("claims", "open", "lzma", "bytes", "halves", "none"):
        with pytest.raises(DataError, match=rf"{name}\.npz"):
            omniglot.load(tmp_path / f"{name}.npz")


def test_300_mutated_packed_files_end_in_data_or_in_one_sentence(packed_file, tmp_path):
    with np.load(packed_file) as arrays:
        small = {k: v[:40] if k != "class_name" else v for k, v in arrays.items()}
    path, rng = tmp_path / "mutated.npz", np.random.default_rng(0)
    np.savez_compressed(path, **small)
    whole = path.read_bytes()

    def cases():
        for k in range(300):
            name = sorted(small)[rng.integers(len(small))]
            match k % 3:
                case 0:
                    path.write_bytes(damaged(whole, rng))
                case 1:
                    np.savez_compressed(path, **(small | {name: odd_array(small[name], rng)}))
                case 2:  # claims of another shape
                    shape = tuple(int(10 ** rng.uniform(0, 13)) for _ in range(rng.integers(3)))
                    claim, rest = io.BytesIO(), {k: v for k, v in small.items() if k != name}
                    header = {"descr": small[name].dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(claim, header)
                    np.savez(path, **rest)
                    with zipfile.ZipFile(path, "a") as archive:
                        archive.writestr(f"{name}.npy", claim.getvalue() + small[name].tobytes())
            yield lambda: omniglot.load(path)

    assert 0 < all_end_well(cases(), DataError) < 150


HALVES = ("images_background", "images_evaluation")


class Site(SimpleHTTPRequestHandler):
    """Serves files; beside one named "cut", of the second half all but the end, and then it is gone."""

    def copyfile(self, source, outputfile):
        data = source.read()
        outputfile.write(data[:-20] if (Path(self.directory) / "cut").exists() and HALVES[1] in self.path else data)

    def log_message(self, *_):
        pass


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A folder from which torchvision now fetches Omniglot: its two archives, of a drawing each."""
    place = tmp_path / "release"
    place.mkdir()
    picture, md5 = io.BytesIO(), {}
    Image.fromarray(255 * (1 - ink_in_the_middle())).save(picture, "PNG")
    for half in HALVES:
        with zipfile.ZipFile(place / f"{half}.zip", "w") as archive:
            archive.writestr(f"{half}/Of_{half}/character01/0001_01.png", picture.getvalue())
        md5[half] = hashlib.md5((place / f"{half}.zip").read_bytes()).hexdigest()
    monkeypatch.setattr(Omniglot, "zips_md5", md5)
    monkeypatch.setattr(omniglot, "ALL_DRAWINGS", 2)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=place)) as server:
        monkeypatch.setattr(Omniglot, "download_url_prefix", f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield place
        server.shutdown()


def test_download_fetches_both_halves_once(release, tmp_path):
    data = tmp_path / "data"
    omniglot.download(data)
    assert omniglot.load(data).class_name == ("Of_images_background/01", "Of_images_evaluation/01")
    for file in release.iterdir():
        file.unlink()
    omniglot.download(data)
    assert [file.name for file in data.iterdir()] == ["omniglot-py"]


@pytest.mark.parametrize("wrong", ["a login page", "cut", "of another release", "nothing", "incomplete"])
def test_a_wrong_download_is_one_sentence_and_leaves_nothing(wrong, release, tmp_path, monkeypatch):
    file, data = release / f"{HALVES[1]}.zip", tmp_path / "data"
    match wrong:
        case "a login page":
            file.write_text("<html>Please log in.</html>")
            monkeypatch.setitem(Omniglot.zips_md5, HALVES[1], hashlib.md5(file.read_bytes()).hexdigest())
        case "cut":
            (release / "cut").touch()
        case "of another release":
            shutil.copy(release / f"{HALVES[0]}.zip", file)
        case "nothing":
            file.unlink()
        case "incomplete":
            monkeypatch.setattr(omniglot, "ALL_DRAWINGS", 3)
    with pytest.raises(DataError, match="could not be fetched") as refusal:
        omniglot.download(data)
    assert "\n" not in str(refusal.value)
    assert list(data.iterdir()) == []


def test_a_download_that_is_stopped_is_no_data_and_is_done_again(release, tmp_path, monkeypatch):
    data, gone = tmp_path / "data", []
    with monkeypatch.context() as patch:  # when a half has arrived, and some of the other
        patch.setattr("zipfile.ZipFile.extractall", lambda archive, to: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            omniglot.download(data)
        assert list(data.iterdir()) == []
        patch.setattr(shutil, "rmtree", lambda folder, **_: gone.append(folder))  # as for a kill
        with pytest.raises(KeyboardInterrupt):
            omniglot.download(data)
    assert gone
    assert list(data.rglob("*.zip"))
    omniglot_folder(data / ".partial", Image.fromarray(255 * (1 - ink_in_the_middle())))
    with pytest.raises(DataError, match="no Omniglot drawings"):
        omniglot.load(data)
    omniglot.download(data)
    assert len(omniglot.load(data).images) == 2
    for picture in (data / "omniglot-py" / HALVES[0]).rglob("*.png"):
        picture.unlink()
    with pytest.raises(DataError, match="1 of Omniglot's 2 drawings: remove it"):
        omniglot.download(data)


def test_a_character_with_too_few_drawings_is_named(packed_file):
    drawings = omniglot.load(packed_file)
    with pytest.raises(DataError, match="'Madeup/01' has only 20"):
        evaluation_episodes(drawings, 16, 8, 0)
