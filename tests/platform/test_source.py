"""Whether a competition's files are a sample's, wherever they are mounted."""

from kaggle_utils.platform.source import Source


def test_a_mounted_sample_is_still_synthetic_and_a_folder_of_yours_is_not(tmp_path):
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "sample.json").write_text("{}\n")
    assert Source(tmp_path / "sample").synthetic and not Source(tmp_path).synthetic
