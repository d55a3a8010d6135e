"""kaggle_utils: a kit for image competitions on Kaggle. Tool settings that need no file of their own live in dotfiles."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "kaggle_utils" / "__init__.py").read_text()).group(1)

RUN = [
    "numpy>=2.0",
    "pandas>=2.2",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "pillow",
    "opencv-python",
    "numba",
    "orjson",
    "psutil",
    "tqdm",
    "torch",
    "torchvision",
    "albumentations==2.0.8",
    "ensemble-boxes==1.0.9",
    "ultralytics>=8.4,<9",
    "segmentation-models-pytorch>=0.5",
    "timm",
    "norfair==2.1.1",  # later releases declare numpy<2, though they run on 2
    "packaging",
    "nbclient>=0.7.3",  # joins what a cell prints
    "nbconvert",
    "ipykernel",
    "kaggle>=2.2.4; python_version >= '3.11'",  # the official client, which has none for 3.10; serves at home alone
    "six",  # which that imports without declaring it
]
EXPORT = ["onnx", "onnxruntime"]
TEST = ["pytest", "hypothesis", *EXPORT]
BENCH = ["hotcoco", "pycocotools", "faster-coco-eval", "simplejpeg", "hill-climbing", "hillclimbers", "torchmetrics"]

setup(
    name="kaggle-utils",
    version=VERSION,
    description="Exact metrics, leak-free folds and rehearsed submissions for image competitions on Kaggle",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["kaggle_utils", "kaggle_utils.*"]),
    package_data={"kaggle_utils": ["**/*.json", "**/*.txt"]},
    install_requires=RUN,
    extras_require={"test": TEST, "export": EXPORT, "bench": BENCH},
    entry_points={"console_scripts": ["kaggle-utils = kaggle_utils.cli:main"]},
)
