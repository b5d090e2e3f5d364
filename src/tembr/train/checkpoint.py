"""Lightning checkpoints without pickle: tensors as safetensors, all else as JSON inside the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tembr.errors import StoreError
from tembr.files import atomic_write

_KEPT = (
    "epoch",
    "global_step",
    "state_dict",
    "optimizer_states",
    "lr_schedulers",
    "loops",
    "callbacks",
    "training",
)


class SafetensorsIO(CheckpointIO):
    """Writes what a resumed run needs, atomically; reading executes nothing."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path, storage_options=None) -> None:
        tensors: dict[str, torch.Tensor] = {}
        kept = {key: checkpoint[key] for key in _KEPT if key in checkpoint}
        kept["pytorch-lightning_version"] = checkpoint["pytorch-lightning_version"]
        tree = _flatten(kept, tensors)
        with atomic_write(Path(path), flush=False) as temporary:  # a damaged one is noticed, and costs one fold
            save_file(tensors, temporary, metadata={"tree": json.dumps(tree)})

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict[str, Any]:
        try:
            with safe_open(path, framework="pt") as file:
                return _restore(json.loads(file.metadata()["tree"]), file.get_tensor)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: damaged checkpoint; remove it and this fold starts again") from error

    def remove_checkpoint(self, path) -> None:
        Path(path).unlink(missing_ok=True)


def _flatten(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Plain JSON for `value`; its tensors go to `tensors`, tuples and integer keys are told apart."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_flatten(k, tensors), _flatten(v, tensors)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_flatten(item, tensors) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


def _restore(node: Any, tensor) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensor(content)
    if kind == "dict":
        return {_restore(k, tensor): _restore(v, tensor) for k, v in content}
    items = [_restore(item, tensor) for item in content]
    return tuple(items) if kind == "tuple" else items
