"""What the residual stream holds of a token alone, before any head has written.

There are two versions: the embedding, and the embedding plus the output of the first
layer's MLP for it. The MLP reads a token before most heads do, and where embedding and
unembedding are tied it separates them: copying and matching are clearer behind it
(McDougall et al. 2023, arXiv 2310.04625, who call it the effective embedding).
Positions and the first layer's attention are left out.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.transformer import Model

TOKENS_AT_ONCE = 4096  # 50 MB for the hidden layer of an MLP

Embedding = Callable[[Model], Float[Tensor, "d_vocab d_model"]]


def plain(model: Model) -> Float[Tensor, "d_vocab d_model"]:
    """The embedding of every token."""
    return model.W_E


@torch.no_grad()
def with_first_mlp(model: Model) -> Float[Tensor, "d_vocab d_model"]:
    """The embedding of every token plus the output of the first MLP for it."""
    first, place = model.layers[0], model.places(0, 1)
    return torch.cat(
        [
            first.rest(resid[:, None], torch.zeros_like(resid[:, None]), place)[:, 0]
            for resid in model.W_E.split(TOKENS_AT_ONCE)
        ]
    )


# Ending of a criterion's name -> what its heads read.
EMBEDDINGS: Mapping[str, Embedding] = {"": plain, ".mlp": with_first_mlp}
