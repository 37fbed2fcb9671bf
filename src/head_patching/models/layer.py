"""What the engine needs of a layer, whatever it is made of."""

from abc import ABC
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from head_patching.models.attention import AttentionRule
from head_patching.models.shape import ModelConfig

# From q, k and v of a layer [... position heads d_head] to z at the queries wanted.
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


class Layer(ABC):
    """A layer: folded weights (`LayerWeights`), or modules (`ModuleLayer`).

    Both have the methods `through`, `qkv`, `read`, `attn_out`, `rest`, `starting` and
    `changing`, which `folded_steps` describes.
    """

    config: ModelConfig
    rule: AttentionRule
    W_Q: Float[Tensor, "head d_model d_head"]
    W_K: Float[Tensor, "kv_head d_model d_head"]
    W_V: Float[Tensor, "kv_head d_model d_value"]
    b_V: Float[Tensor, "kv_head d_value"] | None
    W_O: Float[Tensor, "head d_value d_model"]
    W_write: Float[Tensor, "head d_value d_model"]
