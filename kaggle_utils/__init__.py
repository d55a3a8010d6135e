"""Contents page of kaggle_utils: the names that a Kaggler types, ``from kaggle_utils import Boxes, f2_curve``.

A name is found in its module when it is first asked for, so the page itself loads nothing. What is about
one competition or about Kaggle is imported by its own name (``from kaggle_utils.competitions import reef``).
"""

from importlib import import_module

__version__ = "0.1.0"

_PAGE = {  # module: its names
    # evidence: what a figure is worth on other rows
    "evidence.crossfit": "cross_fit",
    "evidence.intervals": "bootstrap_interval paired_difference",
    "evidence.candidates": "Choice",
    "evidence.merging": "merged",
    "evidence.eight_bits": "eight_bit_cost",
    "evidence.weights": "select_weights",
    "evidence.medals": "Medals",
    "evidence.diary": "Diary",
    # images: files decoded, kept small, seen in views and colours
    "images.decode": "read_image decode image_statistics",
    "images.cache": "cached_frames",
    "images.views": "view unview view_boxes unview_boxes",
    "images.infrared": "false_colour half_pixel",
    "images.colour": "clahe grey_world",
    # boxes: a table of them, every format around it, exact F2, fusion, and rules over time
    "boxes.table": "Boxes iou xyxy_from_xywh xywh_from_xyxy xyxy_from_cxcywhn cxcywhn_from_xyxy",
    "boxes.formats": "boxes_from_annotations annotations_from_boxes boxes_from_texts texts_from_boxes "
    "boxes_from_table table_from_boxes boxes_from_yolo_text yolo_text_from_boxes",
    "boxes.f2": "f2 f2_curve f2_by_iou f2_by_group f2_by_size",
    "boxes.cuts": "cross_fitted_f2",
    "boxes.scorecard": "scorecard",
    "boxes.fusion": "fuse nms soft_nms nmw wbf",
    "boxes.seqnms": "seq_nms",
    "boxes.clips": "clip_of_frame is_cut",
    "boxes.motion": "neighbours",
    "boxes.tracking": "track rescore CausalTracker",
    "boxes.attention": "attend CausalAttention",
    "boxes.paste": "donors_from_frames paste_objects",
    # masks: run lengths, Dice, and rules from probabilities to masks
    "masks.rle": "rle_from_mask mask_from_rle rles_from_masks masks_from_rles run_length_faults",
    "masks.dice": "dice_counts dice_from_counts dice_table mean_dice global_dice",
    "masks.global_dice": "global_curve best_level_and_gate",
    "masks.components": "remove_small",
    "masks.rules": "ClassDecision MaskDecision masks_by_rule",
    "masks.scorecard": "mask_scorecard",
    "masks.pixelcard": "pixel_scorecard",
    # labels: F-beta by every average, rules from probabilities to labels, and which of them to take
    "labels.metrics": "LabelMetric label_counts mean_f2 precision_and_recall",
    "labels.rules": "LabelRule labels_by_rule",
    "labels.search": "fit_one_cut fit_cuts",
    "labels.calibration": "fit_calibration calibrated",
    "labels.stacking": "fit_stack stacked fit_weights voted",
    "labels.decision": "LabelDecision labels_by_decision",
    "labels.candidates": "recommend_labels",
    "labels.scorecard": "label_scorecard",
    # folds: splits that do not leak
    "folds.groups": "folds_of_groups folds_by_video folds_by_sequence folds_by_subsequence fold_table",
    "folds.labels": "folds_by_labels label_shares",
    "folds.leakage": "leakage leakage_of_folds",
    "folds.similar": "image_hash similar_pairs groups_of_pairs",
    "folds.adversarial": "image_features adversarial_validation most_alike",
    # pictures: frames, films and masks for the eye
    "pictures.frames": "draw_boxes contact_sheet strip film_of_tracks write_film",
    "pictures.masks": "draw_masks before_and_after",
    # learning: a trainer that resumes to the same result, and what it is given
    "learning.models": "ModelParameters build load_model",
    "learning.losses": "loss balance",
    "learning.augment": "augmentation",
    "learning.mixing": "mixing",
    "learning.batches": "Fold",
    "learning.parameters": "TrainingParameters",
    "learning.trainer": "train",
    "learning.predict": "predict",
    "learning.views": "in_views",
    "learning.devices": "each_fold",
    "learning.data_parallel": "together",
    "learning.store": "PredictionStore ensemble",
    # a stage of a notebook: its data, cards and folds, and what it hands over
    "platform.stages": "open_stage",
    # what the command line shows as a sentence
    "errors": "KitError",
}
_MODULE_OF = {name: module for module, names in _PAGE.items() for name in names.split()}

__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
