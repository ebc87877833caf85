"""Writes the encoder as a small ONNX graph: 8-bit weights, the mean over tokens and the scaling inside."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from bot.encoder.model import SentenceEncoder
from bot.encoder.stages import embed

INPUTS = ["input_ids", "attention_mask"]
# The last one only of an encoder of ours (`bot.encoder.model`).
OUTPUTS = ["token_embeddings", "sentence_embedding", "question_embedding"]
# What the shipped graph may differ from the trained one, as cosines: on average, in all but one text of a
# thousand, and at worst. The worst of 30,000 is one text's luck (what is rounded is scaled by its largest
# number), and another one after every change of the messages: 0.956, 0.967 and 0.979 by graphs that are alike
# otherwise.
_MEAN_BOUND = 0.995
_RARE_BOUND = 0.98
_RARE_SHARE = 0.001
_WORST_BOUND = 0.95
# What the graph calls a matrix in 8 bits, beside its own name.
_ROUNDED = "_quantized"
# Opset and format that ONNX Runtime 1.17 reads, the oldest that the bot allows.
_OPSET = 18
_FORMAT = 9


class ExportError(RuntimeError):
    """The 8-bit graph does not answer as the trained encoder does."""


@dataclass(frozen=True)
class Likeness:
    """Cosines between what the trained encoder and the shipped graph make of the same texts."""

    mean: float
    worst: float


def write_graph(model: torch.nn.Module, path: Path) -> None:
    """Write the encoder with 8-bit weights, embeddings included."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = model.cpu().eval()
    # Two texts of three tokens: with one of either the graph would be fixed to one.
    example = (torch.full((2, 3), 5), torch.ones(2, 3, dtype=torch.long))
    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens")
    with tempfile.TemporaryDirectory() as folder:
        full, prepared = Path(folder) / "full.onnx", Path(folder) / "prepared.onnx"
        torch.onnx.export(
            model,
            example,
            full,
            input_names=INPUTS,
            output_names=OUTPUTS[: len(model(*example))],
            opset_version=_OPSET,
            dynamo=True,
            dynamic_shapes=({0: texts, 1: tokens}, {0: texts, 1: tokens}),
            external_data=False,
            verbose=False,
        )
        quant_pre_process(full, prepared, skip_symbolic_shape=True)
        # It asks for what was just done by its own function, and warns of every weight it leaves alone.
        logging.getLogger().setLevel(logging.ERROR)
        quantize_dynamic(
            prepared,
            path,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            # Seven bits: with eight, processors without VNNI overflow and differ from those with it.
            reduce_range=True,
        )
    graph = onnx.load(path)
    graph.ir_version = min(graph.ir_version, _FORMAT)
    # Paths of the machine that it was made on, and what ONNX Runtime works out by itself.
    del graph.graph.value_info[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.name = node.doc_string = ""
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a graph that `write_graph` wrote of our encoder, by the model's own names.

    Rounding to 8 bits costs a cosine of 0.001; training on makes that good.

    Raises:
        ExportError: A matrix of the graph belongs to no part of the model.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def unrounded(name: str) -> np.ndarray:
        zero = arrays[f"{name}_zero_point"].astype(np.float32)
        return (arrays[f"{name}{_ROUNDED}"].astype(np.float32) - zero) * arrays[f"{name}_scale"]

    weights = {}
    for name, array in arrays.items():
        if name.endswith(f".weight{_ROUNDED}"):
            weights[name.removesuffix(_ROUNDED)] = unrounded(name.removesuffix(_ROUNDED))
        elif name.endswith((".weight", ".bias")):
            weights[name] = array
    # Other matrices have lost their names; the bias that is added to a product has kept its own.
    makers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        biases = [name for name in node.input if name.endswith(".bias")]
        if node.op_type != "Add" or not biases:
            continue
        maker = makers[next(name for name in node.input if name not in biases)]
        while maker.op_type != "MatMulInteger":
            if maker.op_type not in ("Mul", "Cast"):
                raise ExportError(f"{path}: {biases[0]} is added to a {maker.op_type}, not to a product")
            maker = makers[maker.input[0]]
        matrix = maker.input[1].removesuffix(_ROUNDED)
        weights[biases[0].removesuffix("bias") + "weight"] = unrounded(matrix).T
    return {name: torch.from_numpy(array.copy()) for name, array in weights.items()}


def run_graph(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Return what the graph makes of the texts (texts x width), one at a time, as the bot does."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        rows.append(session.run(["sentence_embedding"], feed)[0])
    return np.concatenate(rows)


def check_graph(path: Path, model: SentenceEncoder, tokenizer: Tokenizer, texts: Sequence[str]) -> Likeness:
    """Return how alike the graph and the trained encoder are on the texts (cut to what they read).

    Raises:
        ExportError: They differ too much.
    """
    shipped = run_graph(path, tokenizer, texts)
    trained = embed(model, tokenizer, texts).numpy()
    cosines = (shipped * trained).sum(axis=1)
    likeness = Likeness(mean=float(cosines.mean()), worst=float(cosines.min()))
    rare = float(np.quantile(cosines, _RARE_SHARE))
    if likeness.mean < _MEAN_BOUND or rare < _RARE_BOUND or likeness.worst < _WORST_BOUND:
        raise ExportError(
            f"cosine between the 8-bit graph and the trained encoder: {likeness.mean:.4f} on average "
            f"(at least {_MEAN_BOUND}), {rare:.4f} in all but {_RARE_SHARE:.1%} (at least {_RARE_BOUND}), "
            f"{likeness.worst:.4f} at worst (at least {_WORST_BOUND})"
        )
    return likeness
