"""The example serves a graph over HTTP as the estimator predicts."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.paths import REPO
from helpers.tables import make_mixed

from sklearn_dcn import DCNClassifier
from sklearn_dcn.onnx import export, inputs

SCRIPT = REPO / "examples" / "serve_http.py"


def call(url, body=None):
    """Return the status and the answer to a request, of POST if there is a body."""
    data = None if body is None else body.encode()
    try:
        with urllib.request.urlopen(url, data, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return an estimator with a column of lists, its table, and where it is served."""
    X, y = make_mixed()
    rng = np.random.default_rng(0)
    tags = [[*rng.choice(["a", "b", "c"], rng.integers(1, 3))] for _ in y]
    X = X.assign(tags=pd.Series(tags, dtype=object))
    model = DCNClassifier(
        multivalued_features=["tags"],
        numeric_levels=50,
        hidden_layer_sizes=(8,),
        max_epochs=1,
        random_state=0,
    ).fit(X, y)
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    export(model, path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, SCRIPT, path, "--port", str(port)]
    ) as server:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        yield model, X, url
        server.terminate()


def wait_for(url, server):
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            assert call(url)[0] == 200
            return
        except urllib.error.URLError:  # nobody listens yet
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def test_rows_with_gaps_and_new_levels(served):
    model, X, url = served
    rows = json.loads(X.head(20).to_json(orient="records"))
    rows[0] |= {"city": None, "price": None, "tags": None, "is_new": None}
    rows[1] |= {"city": "Ünseen", "tags": ["new", "a"], "visits": 1e300}
    status, answer = call(f"{url}/predict", json.dumps(rows))
    assert status == 200
    assert answer["classes"] == [0, 1]
    expected = model.predict_proba(rows)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=0, atol=1e-5)
    one = call(f"{url}/predict", json.dumps(rows[1:2]))[1]["probabilities"]
    np.testing.assert_allclose(one, expected[1:2], rtol=0, atol=1e-5)


def test_bad_requests(served):
    _, X, url = served
    row = json.loads(X.head(1).to_json(orient="records"))[0]
    for body, message in (
        ("{", "Expecting"),
        ("[]", "list of rows"),
        ("[1]", "list of rows"),
        (json.dumps([row, {"city": "Oslo"}]), "row 1 must have the columns"),
        (json.dumps([row | {"price": "dear"}]), "'price' must be a finite number"),
        ('[{"price": Infinity}]', "row 0 must have the columns"),
        (json.dumps([row | {"price": float("inf")}]), "'price' must be a finite"),
        (json.dumps([row | {"tags": "a"}]), "'tags' must be a list"),
    ):
        status, answer = call(f"{url}/predict", body)
        assert (status, message in answer) == (400, True), (body, answer)
    assert call(f"{url}/health")[1] == {"columns": sorted(X.columns)}
    assert call(f"{url}/nothing")[0] == 404


def test_script_needs_neither_torch_nor_the_package(tmp_path):
    """Where a copy of the file that makes the inputs is beside it."""
    for path in (SCRIPT, Path(inputs.__file__)):
        shutil.copy(path, tmp_path)
    script = str(tmp_path / SCRIPT.name)
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); "
        f"runpy.run_path({script!r}); print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"torch", "sklearn", "sklearn_dcn", "onnx"}.isdisjoint(result.stdout.split())
