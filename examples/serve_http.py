"""Serve an exported model over HTTP: rows as JSON in, probabilities out.

    pip install onnxruntime starlette uvicorn
    python examples/serve_http.py model.onnx --port 8000
    curl localhost:8000/predict -d '[{"Month": "Nov", "PageValues": 12.5, ...}]'

`model.onnx` is what `sklearn_dcn.onnx.export` wrote. Nothing here needs sklearn_dcn or
torch where a copy of sklearn_dcn/onnx/inputs.py is beside this file: the graph takes
raw columns, and says in its metadata which. null is a missing cell, a level that
training never saw is no error.
"""

from __future__ import annotations

import argparse
import json

import onnxruntime
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

try:
    from inputs import make_inputs  # a copy of sklearn_dcn/onnx/inputs.py
except ImportError:
    from sklearn_dcn.onnx import make_inputs


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
        self.classes = json.loads(properties.get("classes", "null"))
        columns = json.loads(properties["columns"])  # of each input
        self.names = {name for names in columns.values() for name in names}

    def predict(self, rows):
        """Return P(class) of rows, dicts by column, or numbers of a regressor."""
        output = "variable" if self.classes is None else "probabilities"
        return self.session.run([output], make_inputs(self.session, rows))[0]


def make_app(model):
    """Return the application: POST /predict, GET /health."""

    async def predict(request):
        try:
            rows = json.loads(await request.body())
            if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
                raise ValueError("the body must be a list of rows, each a JSON object")
            output = model.predict(rows)
        except (TypeError, ValueError) as error:  # not JSON, or not rows of the model
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
