"""The client's calls about datasets; run where the client is, in :mod:`kaggle_utils.platform.client.process`.

Two of the client's habits are made good here: it takes any answer about a dataset's status for "the
name is taken", and it leaves out a file whose upload failed and makes the dataset without it.
"""

from __future__ import annotations

import json
from pathlib import Path

_METADATA = "dataset-metadata.json"


def put_dataset(api, folder: str, notes: str) -> dict:
    """Uploads a folder as a new private dataset, or as the next version of the one that is there.

    folder: files and ``dataset-metadata.json``, no folders inside. notes: of the version. Returns the
    answer's ``status``, ``url`` and ``error``. Raises RuntimeError, before anything is made of the
    files, when one did not arrive.
    """
    upload = api.upload_files
    api.upload_files = lambda request, *rest: _all_of_them(upload, folder, request, *rest)
    if _there(api, json.loads(Path(folder, _METADATA).read_text())["id"]):
        answer = api.dataset_create_version(folder, notes, quiet=True)
    else:
        answer = api.dataset_create_new(folder, public=False, quiet=True)
    return {"status": answer.status, "url": answer.url, "error": answer.error}


def _there(api, ref: str) -> bool:
    """A dataset that does not exist and one that is somebody else's look alike: 403 or 404."""
    import requests

    try:
        api.dataset_status(ref)
    except requests.exceptions.HTTPError as error:
        if error.response.status_code in (403, 404):
            return False
        raise
    return True


def _all_of_them(upload, folder: str, request, *rest) -> None:
    upload(request, *rest)
    wanted = [path.name for path in Path(folder).iterdir() if path.name != _METADATA]
    if len(request.files) != len(wanted):
        raise RuntimeError(f"{len(request.files)} of {len(wanted)} files arrived, so no dataset was made of them")
