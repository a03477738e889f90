"""Every row of the page on files names what a test shows."""

from __future__ import annotations

import re

from tests.docs.conftest import ROOT

# By the beginning of the first cell: the file under `tests` and the test.
SHOWN_BY = {
    "a folder of PNG": "data/test_formats.py::test_kinds_of_pictures",
    "a `.zip` of pictures": "data/test_zip.py::test_a_zip_file_is_read_like_the_folder",
    "`.tar` files": "data/test_tar.py::test_class_folders",
    "`.tar.gz`, `.7z`": "data/test_tar.py::test_a_compressed_tar_file_is_refused_with_a_command",
    "`.parquet` files": "data/test_parquet.py::test_the_splits_of_a_folder",
    "a `.csv` of pixels": "data/test_csv.py::test_every_kind_of_table_gives_the_same_images",
    "`.npz`": "data/test_splits.py::test_arrays_as_keras_and_medmnist_keep_them",
    "`.npy`, idx": "data/test_splits.py::test_a_folder_of_idx_files",
    "any of these at": "remote/test_data.py::test_from_s3_as_from_here",
    "a file that cannot be read": "data/test_folder.py::test_broken_and_odd_files_are_left_out",
    "HEIC": "data/test_formats.py::test_what_is_not_read_names_a_remedy",
    "labels in": "data/test_labels.py::test_tables_as_people_keep_them",
    "8 bits": "data/test_white.py::test_arrays_reach_white",
    "12 bits": "data/test_white.py::test_sixteen_bit_pictures_reach_white",
    "a file that says": "data/test_white.py::test_what_a_file_says_is_white_counts",
    "masks": "data/test_white.py::test_masks_of_0_and_1_reach_white",
    "TIFF of floats": "data/test_white.py::test_float_pictures_are_not_scaled_one_by_one",
    "arrays of floats": "data/test_datasets.py::test_arrays_that_are_no_images",
    "another white": "data/test_white.py::test_the_user_overrides_it",
    "later pictures": "data/test_white.py::test_a_model_keeps_its_white_for_later_pictures",
    "a set whose brightest": "data/test_white.py::test_a_set_that_is_nearly_black_is_warned_of",
    "16 bits in colour": "data/test_white.py::test_sixteen_bits_in_colour",
    "pictures of several sizes": "data/test_looks.py::test_a_size_of_two_numbers_keeps_all",
    "pictures of other proportions": "data/test_looks.py::test_a_crop_says_what_it_cuts_off",
    "a picture turned": "data/test_pictures.py::test_a_turned_picture_is_turned_back",
    "transparency": "data/test_looks.py::test_white_icons_on_transparency_are_not_blank",
    "gray and coloured": "data/test_folder.py::test_one_coloured_picture_makes_all_coloured",
    "a TIFF of several pages |": "data/test_splits.py::test_pages_and_patches_of_one_file",
    "an animation": "data/test_looks.py::test_an_animation_is_told",
    "large scans": "data/test_splits.py::test_patches_keep_their_scale",
    "a scan to denoise": "jobs/test_denoising.py::test_a_model_of_another_scale_is_warned_of",
    "a TIFF of several pages to": "jobs/test_denoising.py::test_a_tiff_file_keeps_all_its_pages",
    "noisy pictures": "data/test_pairs.py::test_pictures_are_matched_by_name_without_the_ending",
    "a dark digit": "data/test_looks.py::test_images_dark_on_light_are_inverted",
    "folders `train`": "data/test_splits.py::test_train_and_test_folders",
    "a test folder": "data/test_splits.py::test_a_test_folder_without_classes_keeps_those_of_train",
    "an anomaly set": "data/test_splits.py::test_a_folder_of_anomalies_as_mvtec_has_it",
    "no test split": "data/test_datasets.py::test_every_image_of_a_file_is_in_one_split",
    "your own test": "jobs/test_other_data.py::test_images_to_test_on_from_the_command_line",
    "class folders": "data/test_folder.py::test_subfolders_are_classes_when_they_look_like_it",
    "another set": "data/test_looks.py::test_classes_are_matched_by_name",
    "a label of -1": "evaluation/test_labels.py::test_images_without_a_label_do_not_count",
    "`--limit`": "data/test_splits.py::test_a_limit_has_all_classes_of_a_sorted_folder",
    "a moved": "jobs/test_other_data.py::test_a_moved_folder_is_named_again",
    "pictures added": "jobs/test_other_data.py::test_pictures_that_came_since_are_left_aside",
    "names in": "data/test_splits.py::test_names_are_shown_as_they_were_meant",
    "a name like": "test_files.py::test_a_formula_becomes_text",
    "a picture of more": "data/test_formats.py::test_a_header_of_jpeg_2000_takes_no_memory",
    "an archive that inflates": "data/test_zip.py::test_a_bomb_takes_no_memory",
    "links": "data/test_folder.py::test_broken_and_odd_files_are_left_out_with_a_reason",
    "pickled": "data/test_files.py::test_pickled_objects_are_never_loaded",
}


def test_every_row_is_shown_by_a_test() -> None:
    text = (ROOT / "docs" / "files.md").read_text()
    rows = [row for row in re.findall(r"^\| (.*? \|)", text, re.M) if row != "You have |"]
    assert len(rows) == len(SHOWN_BY)
    for row in rows:
        (test,) = (test for start, test in SHOWN_BY.items() if row.startswith(start))
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / "tests" / path).read_text(), row
