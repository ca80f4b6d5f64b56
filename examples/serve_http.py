"""Serve an exported model over HTTP: rows as JSON in, probabilities out.

    pip install onnxruntime starlette uvicorn
    python examples/serve_http.py model.onnx --port 8000
    curl localhost:8000/predict -d '[{"Month": "Nov", "PageValues": 12.5, ...}]'

`model.onnx` is what `sklearn_dcn.onnx.export` wrote. Nothing here needs sklearn_dcn or
torch: the graph takes raw columns, and says in its metadata which. null is a missing
cell, a level that training never saw is no error.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import onnxruntime
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route


class Model:
    """A graph, and what its metadata say of it.

    Parameters
    ----------
    path : str
        The file.
    """

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a row is too little work for two
        self.session = onnxruntime.InferenceSession(path, options)
        properties = self.session.get_modelmeta().custom_metadata_map
        self.columns = json.loads(properties["columns"])  # of each input
        self.missing_text = json.loads(properties["missing_text"])
        self.classes = json.loads(properties.get("classes", "null"))
        self.names = {name for names in self.columns.values() for name in names}

    def predict(self, rows):
        """Return P(class) of rows, dicts by column, or numbers of a regressor."""
        for i, row in enumerate(rows):
            if not isinstance(row, dict) or row.keys() != self.names:
                raise ValueError(f"row {i} must have the columns {sorted(self.names)}")
        cells = {
            each.name: self.cells(each, rows) for each in self.session.get_inputs()
        }
        output = "variable" if self.classes is None else "probabilities"
        return self.session.run([output], cells)[0]

    def cells(self, each, rows):
        """Return the array of one input."""
        names = self.columns[each.name]
        if each.type == "tensor(double)":
            cells = [[number(row[name], name) for name in names] for row in rows]
            return np.array(cells, dtype=np.float64)
        if each.shape[1] == len(names):
            cells = [[self.text(row[name]) for name in names] for row in rows]
        else:  # a list in each cell, filled up to the longest
            lists = [self.texts(row[names[0]], names[0]) for row in rows]
            most = max(1, *map(len, lists))
            cells = [texts + [""] * (most - len(texts)) for texts in lists]
        return np.array(cells, dtype=object)

    def texts(self, cell, name):
        """Return the texts of a cell that is a list; null is one missing level."""
        if cell is not None and not isinstance(cell, list):
            raise ValueError(f"{name!r} must be a list or null; got {cell!r}")
        return [self.text(level) for level in ([None] if cell is None else cell)]

    def text(self, cell):
        """Return how a cell goes into an input of strings."""
        return self.missing_text if cell is None else str(cell)


def number(cell, name):
    """Return a cell as a number, NaN if it is missing."""
    if cell is None:
        return np.nan
    if not isinstance(cell, (int, float)) or not np.isfinite(cell):
        raise ValueError(f"{name!r} must be a finite number or null; got {cell!r}")
    return float(cell)


def make_app(model):
    """Return the application: POST /predict, GET /health."""

    async def predict(request):
        try:
            rows = json.loads(await request.body())
            if not isinstance(rows, list) or not rows:
                raise ValueError("the body must be a list of rows, each a JSON object")
            output = model.predict(rows)
        except ValueError as error:  # not JSON, or not rows of the model
            raise HTTPException(400, str(error)) from None
        key = "predictions" if model.classes is None else "probabilities"
        return JSONResponse({"classes": model.classes, key: output.tolist()})

    async def health(request):
        return JSONResponse({"columns": sorted(model.names)})

    return Starlette(
        routes=[
            Route("/predict", predict, methods=["POST"]),
            Route("/health", health),
        ]
    )


def main(arguments=None):
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="file that sklearn_dcn.onnx.export wrote")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    app = make_app(Model(options.model))
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
