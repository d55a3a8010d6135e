"""What Kaggle would swallow, seen before the push."""

from __future__ import annotations

import pytest
from kernel_folders import write_kernel

from kaggle_utils.platform.kernels.metadata import problems, read, slug_of

pytest_plugins = ["kaggle_fixtures"]

NAME = "pond-2-train"
OTHERS = ["pond-1-eda", "pond-2-train", "pond-3-submit"]


def found(root, **changes) -> list[str]:
    return problems(write_kernel(root, NAME, **changes), OTHERS)


def test_good_metadata_has_no_problems(tmp_path):
    assert found(tmp_path / "kernels") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"enable_internet": None}, "enable_internet is missing: Kaggle would turn the internet on"),
        ({"title": None}, "title is missing"),
        ({"dataset_source": []}, "dataset_source is no key Kaggle knows and would be ignored, dataset_sources is one"),
        ({"title": "The pond's training"}, "makes the slug 'the-pond-s-training', not 'pond-2-train'"),
        ({"title": "P" * 51, "id": "me/" + "p" * 51}, "has 51 characters, expected 5 to 50"),
        ({"title": "Pond", "id": "me/pond"}, "slug 'pond' has 4 characters"),
        ({"id": "pond-2-train"}, "expected owner/slug"),
        ({"id": "me/pond-2-train/3"}, "expected owner/slug"),
        ({"id": "me/Pond_2"}, "expected owner/slug"),
        ({"id_no": "12"}, "id_no is '12', expected a whole number"),
        ({"id_no": True}, "id_no is True, expected a whole number"),
        ({"code_file": "../nowhere.ipynb"}, "code_file '../nowhere.ipynb' does not exist"),
        ({"kernel_type": "script"}, "code_file is 2_train.ipynb but kernel_type is 'script'"),
        ({"language": "julia"}, "language is 'julia', expected one of python, r, rmarkdown"),
        ({"machine_shape": "P100"}, "machine_shape is 'P100', expected one of NvidiaTeslaP100"),
        ({"enable_gpu": False}, "enable_gpu is False but machine_shape is NvidiaTeslaP100"),
        ({"enable_tpu": "true"}, "enable_tpu is 'true' but machine_shape is NvidiaTeslaP100"),
        ({"is_private": "yes"}, "is_private is 'yes', expected true or false"),
        ({"enable_internet": 0}, "enable_internet is 0, expected true or false"),
        ({"docker_image_pinning_type": "newest"}, "expected one of original, latest"),
        ({"keywords": "gpu"}, "keywords is 'gpu', expected a list of texts"),
        ({"dataset_sources": ["wheels"]}, "dataset_sources has 'wheels', expected owner/slug"),
        ({"dataset_sources": ["me/a", "me/a"]}, "dataset_sources has 'me/a' more than once"),
        ({"dataset_sources": ["OWNER/abc"]}, "'OWNER/abc', a slug of 3 characters, expected 6 to 50"),
        ({"dataset_sources": ["you/" + "a" * 51]}, "a slug of 51 characters, expected 1 to 50"),
        ({"kernel_sources": ["you/" + "a" * 51]}, "a slug of 51 characters, expected 1 to 50"),
        ({"competition_sources": ["c/tensorflow"]}, "competition_sources has 'c/tensorflow', expected a competition"),
        ({"model_sources": ["a/b/c/d"]}, "model_sources has 'a/b/c/d', expected owner/model/framework/variation/ver"),
        ({"model_sources": ["a/b/c/d/latest"]}, "model_sources has 'a/b/c/d/latest'"),
        ({"kernel_sources": ["OWNER/pond-1-ed"]}, "'OWNER/pond-1-ed', but there is no such kernel; there is pond-1"),
        ({"kernel_sources": ["me/pond-9-x"], "id": "me/pond-2-train"}, "'me/pond-9-x', but there is no such kernel"),
    ],
)
def test_a_fault_is_named(tmp_path, changes, said):
    assert said in "; ".join(found(tmp_path / "kernels", **changes))


def test_datasets_of_other_people_may_have_the_short_names_that_were_once_allowed(tmp_path):
    assert found(tmp_path / "kernels", dataset_sources=["uciml/iris"]) == []


def test_the_kernels_of_other_people_are_not_looked_for(tmp_path):
    assert found(tmp_path / "kernels", kernel_sources=["OWNER/pond-1-eda", "someone/something/4"]) == []


def test_a_submit_kernel_with_internet_is_refused(pond):
    folder = write_kernel(pond, "pond-3-submit", enable_internet=True)
    assert "scores a submission only without internet" in problems(folder, OTHERS)[0]


def test_a_code_file_that_is_no_notebook_is_named(pond):
    (pond.parent / "notebooks/pond/2_train.ipynb").write_text("print('a script')")
    assert "is no notebook" in problems(pond / NAME, OTHERS)[0]


@pytest.mark.parametrize(("text", "said"), [("{", "is not JSON"), ("[]", "holds a list, expected an object")])
def test_a_file_that_is_no_json_object_is_an_error(tmp_path, text, said):
    (tmp_path / "kernel-metadata.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        read(tmp_path)


def test_a_folder_without_metadata_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="has no kernel-metadata.json"):
        read(tmp_path)


def test_our_slugs_are_those_of_the_client():
    slugify = pytest.importorskip("slugify").slugify
    for title in ("Reef 2 train", "Reef 2: train", "  A--b__c  ", "Clouds (1) EDA", "reef-2-train fold0"):
        assert slug_of(title) == slugify(title)
