"""What is refused in place of a network, before anything is done to it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from snnbench.errors import OptionError


def check_network(model: object, what: str, hint: str = "torch.nn.Module is asked for") -> None:
    """Refuse what no numbers come from; messages call it `what`.

    Raises:
        OptionError: if it is no module, or has weights or running statistics that are NaN or on the meta device.
    """
    if not isinstance(model, nn.Module):
        raise OptionError(f"{what} is a {type(model).__name__}; {hint}")
    for name, weight in model.state_dict().items():
        if not isinstance(weight, Tensor):
            continue
        if weight.is_meta:
            raise OptionError(f"{what} has {name!r} on the meta device, where there are no numbers; load its weights")
        if not is_lazy(weight) and weight.isnan().any():
            raise OptionError(f"{what} has NaN in {name!r}; its neurons would stay silent, and pass for dead ones")
