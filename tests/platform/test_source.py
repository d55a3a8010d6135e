"""Whether a competition's files are a sample's, wherever they are mounted; a sample says so loudly."""

from kaggle_utils.platform.source import Source


def test_a_mounted_sample_is_still_synthetic_and_a_folder_of_yours_is_not(tmp_path):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "sample.json").write_text("{}\n")
    assert Source(tmp_path / "sample").synthetic and not Source(tmp_path).synthetic


def test_the_sample_says_loudly_that_it_is_none_of_the_competitions_data(tmp_path):
    said = str(Source(tmp_path, sample=True)).splitlines()
    assert said[0] == said[-1] == "*" * 78
    assert said[1] == "THE BUILT-IN SAMPLE, NOT THE COMPETITION: synthetic data, to see the chain work."
