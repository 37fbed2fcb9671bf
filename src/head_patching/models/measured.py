"""What of a model made of modules is linear, measured on the modules."""

import torch
from torch import Tensor, nn

from head_patching.models.layers import normalise
from head_patching.models.module_layer import ModuleLayer, norm_weights
from head_patching.models.module_model import ModuleModel
from head_patching.models.places import Places
from head_patching.models.tracing import setting, text_config

TOLERANCE = 1e-4  # relative to the largest value


def gain_of(layer: ModuleLayer) -> float:
    """What attn_out is multiplied by when it is added to the stream.

    It is 1 where it is not one number, as where attention is added and then normalised.
    """
    config, generator = layer.config, torch.Generator().manual_seed(0)
    resid = torch.randn(1, 1, config.d_model, generator=generator)
    z = torch.randn(2, 1, *layer.W_O.shape[:2], generator=generator)
    written = layer.attn_out(z)
    change = layer.changing(resid, z[:1], Places.of(0, 1, z.device), "frozen")
    obtained = change(torch.zeros_like(resid), written[1:] - written[:1])
    norm = layer.parts.norm_behind
    expected = written if norm is None else norm(written)
    expected = expected[1:] - expected[:1]
    gain = float((obtained * expected).sum() / expected.square().sum())
    return gain if is_close(gain * expected, obtained) else 1.0


def read_unembedding_(model: ModuleModel, norm: nn.Module | None) -> None:
    """Set W_U and b_U, so that logits are the normalised stream times W_U, plus b_U.

    Where they are not, as far as a norm and one matrix go, logits are always computed
    by transformers' modules.
    """
    config, head = model.config, model.stream.own.get_output_embeddings()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, config.d_model, generator=generator) * 2
    unit = normalise(x, config)
    weight, bias = head.weight.detach(), getattr(head, "bias", None)
    if weight.shape[1] != config.d_model:
        model.W_U, model.b_U = (
            torch.zeros(config.d_model, config.d_vocab),
            torch.zeros(config.d_vocab),
        )
        model.reads_linearly = False
        return
    scale, offset = torch.ones(config.d_model), torch.zeros(config.d_model)
    if norm is not None:
        alternating = torch.ones(1, 1, config.d_model)
        alternating[..., 1::2] = -1  # of mean 0 and size 1
        scale = norm_weights(norm, alternating)[0, 0] * (1 + config.eps) ** 0.5
        offset = (norm(alternating) + norm(-alternating))[0, 0] / 2
    model.W_U = (scale[:, None] * weight.T).contiguous()
    model.b_U = offset @ weight.T + (0 if bias is None else bias.detach())
    obtained, expected = unit @ model.W_U + model.b_U, model.unembed(x)
    factor = float((expected * obtained).sum() / obtained.square().sum())
    cap = setting(text_config(model.stream.own), "final_logit_softcapping")
    if is_close(factor * obtained, expected):
        if abs(factor - 1) > 1e-5:
            model.W_U, model.b_U = model.W_U * factor, model.b_U * factor
    elif cap is not None and is_close(cap * torch.tanh(obtained / cap), expected):
        model.logit_softcap = float(cap)
    else:
        model.reads_linearly = False


def is_close(obtained: Tensor, expected: Tensor) -> bool:
    """Whether two tensors are equal up to rounding."""
    error = (obtained - expected).abs().max() / expected.abs().max().clamp_min(1e-12)
    return bool(error <= TOLERANCE)
