"""The weights that a network's layers really multiply with, whatever makes them out of its parameters.

A layer of Brevitas, or one whose forward rounds its weight with SpikingJelly's `k_bit_quantize`, has parameters in full
precision and multiplies with others. What is noted here is what arrives at PyTorch's convolutions and linear maps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from snnbench.nn.hooks import before
from snnbench.nn.walk import has_compiled, named_modules

_PRODUCTS = frozenset(
    {
        F.linear,
        *(F.conv1d, F.conv2d, F.conv3d),
        *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
    }
)


class ProductWeights(TorchFunctionMode):
    """Notes the weight of each module's first product while it is entered; of a compiled network, none.

    Attributes:
        weights: name of the module -> weight, a plain tensor.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._modules = {} if has_compiled(model) else named_modules(model)
        self._running: list[str] = []
        self._handles: list[RemovableHandle] = []
        self.weights: dict[str, Tensor] = {}

    def __enter__(self) -> Self:
        for name, module in self._modules.items():
            self._handles.append(before(module, self._begin(name)))
            self._handles.append(module.register_forward_hook(self._end, always_call=True))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        while self._handles:
            self._handles.pop().remove()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in _PRODUCTS and self._running:
            self._note(args[1] if len(args) > 1 else given.get("weight"))
        return func(*args, **given)

    def _note(self, weight: Any) -> None:
        plain = weight if isinstance(weight, Tensor) else getattr(weight, "value", None)  # QuantTensor of Brevitas
        if isinstance(plain, Tensor):
            self.weights.setdefault(self._running[-1], plain.detach())

    def _begin(self, name: str) -> Callable[..., None]:
        return lambda inputs, keywords: self._running.append(name)

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._running.pop()
