"""The attention rule of each layer of a model, measured on the model itself."""

from typing import Any

import torch
from torch import Tensor

from head_patching.models.attention import AttentionRule

# Relative to the largest score: rounding of a least-squares fit.
FIT_TOLERANCE = 1e-3


def rule_of(q: Tensor, k: Tensor, settings: dict[str, Any]) -> AttentionRule:
    """The rule of a layer, from what the model gives to its attention.

    Parameters
    ----------
    q, k
        Queries and keys [1 position heads d_head] of one long prompt.
    settings
        The mask and other arguments of an attention function; of a module that computes
        attention itself, its products and scores.

    Raises
    ------
    ValueError
        When scores depend on positions in a way that the engine does not know.
    """
    if "scores" in settings:
        return fitted_rule(q, k, settings["scores"])
    mask = settings.get("attention_mask")
    allowed = None if mask is None else allowed_by(mask[:1, :, -q.shape[1] :])
    scale, softcap = settings.get("scaling"), settings.get("softcap")
    sinks = settings.get("s_aux")
    default = q.shape[-1] ** -0.5
    return AttentionRule(
        scale=None if scale is None or abs(scale - default) < 1e-12 else float(scale),
        window=window_of(allowed),
        softcap=None if softcap is None else float(softcap),
        sinks=None if sinks is None else sinks.detach().flatten().clone(),
    )


def allowed_by(mask: Tensor) -> Tensor:
    """Which keys each query may read [query_pos key_pos], from a mask."""
    of_first = mask.reshape(-1, *mask.shape[-2:])[0]
    return of_first if of_first.dtype == torch.bool else of_first > -1e4


def window_of(allowed: Tensor | None) -> int | None:
    """How many keys each query reads (None: all before it).

    Raises
    ------
    ValueError
        When a query reads something else than the keys just before it.
    """
    if allowed is None:
        return None
    n = len(allowed)
    ahead = torch.arange(n)[:, None] - torch.arange(n)
    width = int(allowed[-1].sum())
    expected = (ahead >= 0) & (ahead < width)
    if not torch.equal(allowed.cpu(), expected):
        raise ValueError(
            "its attention mask is neither that of all earlier positions nor that of a "
            "sliding window"
        )
    return None if width == n else width


def fitted_rule(q: Tensor, k: Tensor, scores: Tensor) -> AttentionRule:
    """The rule that leads from products of queries and keys to scores.

    Scale and slope are fitted to the differences between each score and that of the
    query's own position, which are all that a softmax sees.
    """
    n, n_heads = q.shape[1], q.shape[2]
    keys = k.repeat_interleave(n_heads // k.shape[2], dim=2)
    scores = scores.reshape(n_heads, n, n)
    allowed = scores[0] > -1e4
    window = window_of(allowed)
    ahead = torch.arange(n)[:, None] - torch.arange(n)
    slopes, scales, worst = [], [], 0.0
    for head, of_scores in enumerate(scores):
        of_head = q[0, :, head].double() @ keys[0, :, head].double().T
        obtained = of_scores.double()
        x = (of_head - of_head.diagonal()[:, None])[allowed]
        y = (obtained - obtained.diagonal()[:, None])[allowed]
        features = torch.stack((x, -ahead[allowed].double()), dim=1)
        scale, slope = torch.linalg.lstsq(features, y[:, None]).solution[:, 0]
        left = (features @ torch.stack((scale, slope)) - y).abs().max()
        worst = max(worst, float(left / y.abs().max().clamp_min(1e-9)))
        scales.append(float(scale))
        slopes.append(float(slope))
    if worst > FIT_TOLERANCE:
        raise ValueError("its scores depend on positions in a way that is not known")
    scale = sum(scales) / n_heads
    default = q.shape[-1] ** -0.5
    has_slopes = max(map(abs, slopes)) > 1e-6
    return AttentionRule(
        scale=None if abs(scale / default - 1) < 1e-5 else rounded(scale),
        window=window,
        slopes=torch.tensor([*map(rounded, slopes)]) if has_slopes else None,
    )


def rounded(number: float) -> float:
    """A fitted number without the noise of the fit, where it is a simple one."""
    for simple in (round(number, 6), 2.0 ** round(_log2(number), 4)):
        if number > 0 and abs(simple / number - 1) < 1e-5:
            return simple
    return number


def _log2(number: float) -> float:
    return float(torch.tensor(abs(number) + 1e-300, dtype=torch.float64).log2())
