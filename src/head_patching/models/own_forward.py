"""The model as transformers computes it: what every forward pass is compared with.

TransformerLens loads and folds a model, and can make the same mistake as the engine
(attention scores that are not scaled, the epsilon of a norm, a window). So a model is
compared with transformers' own forward pass, on prompts shorter and longer than what
its configuration names as a length at which something changes.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

# The longest prompt that is compared, unless the model's context is shorter.
CHECKED_LENGTH = 1024
SHORT_LENGTH, N_SHORT = 24, 4

# Keys of a configuration whose number is a length: beyond it attention is another.
LENGTHS = re.compile(r"window|chunk|original_max_position|floor_scale|index_topk")

# Kinds of rotary positions that change once a prompt is longer than those of training.
CHANGE_WITH_LENGTH = ("dynamic", "longrope")


def load_own(checkpoint: Path | str) -> Any:
    """transformers' model of a checkpoint folder, in single precision."""
    from transformers import AutoModelForCausalLM

    own = AutoModelForCausalLM.from_pretrained(
        str(checkpoint), dtype=torch.float32, attn_implementation="eager",
        local_files_only=True, trust_remote_code=False,
    )  # fmt: skip
    return own.eval()


@torch.no_grad()
def log_probabilities(
    own: Any, tokens: Int[Tensor, "batch position"]
) -> Float[Tensor, "batch d_vocab"]:
    """Log-probabilities of the token after each prompt, by transformers."""
    names = inspect.signature(own.forward).parameters
    last = {"logits_to_keep": 1} if "logits_to_keep" in names else {}
    logits = own(input_ids=tokens, use_cache=False, **last).logits
    return logits[:, -1].float().log_softmax(dim=-1)


@dataclass(frozen=True)
class Truth:
    """Prompts, and what transformers says after them.

    Parameters
    ----------
    tokens
        Prompts of one length each, shorter ones first.
    expected
        Log-probabilities of the next token after each of them.
    """

    tokens: Sequence[Int[Tensor, "_prompt _token"]]
    expected: Sequence[Float[Tensor, "_prompt d_vocab"]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of the prompts."""
        return [tokens.shape[1] for tokens in self.tokens]

    def errors(
        self, logits_of: Callable[[Int[Tensor, "prompt token"]], Tensor]
    ) -> list[float]:
        """How far a forward pass is from it, for each length, relative to the largest.

        Parameters
        ----------
        logits_of
            The logits after each prompt, by the forward pass that is compared.
        """
        return [
            relative_error(logits_of(tokens).log_softmax(dim=-1), expected)
            for tokens, expected in zip(self.tokens, self.expected, strict=True)
        ]


def truth_of(
    own: Any, d_vocab: int, n_ctx: int, start: int | None, longest: int = CHECKED_LENGTH
) -> Truth:
    """What transformers says after short prompts and after one as long as is checked.

    Parameters
    ----------
    own
        transformers' model.
    start
        The token that prompts begin with.
    longest
        The longest prompt that is checked.
    """
    short, long = min(SHORT_LENGTH, n_ctx), min(longest, n_ctx)
    tokens = [random_prompts(N_SHORT, short, d_vocab, start)]
    if long > short:
        tokens.append(random_prompts(1, long, d_vocab, start))
    return Truth(tokens, [log_probabilities(own, each) for each in tokens])


def random_prompts(
    n_prompts: int, n_tokens: int, d_vocab: int, start: int | None, seed: int = 0
) -> Int[Tensor, "prompt token"]:
    """Seeded prompts of random tokens, after the begin-of-sequence token `start`.

    Heads that find nothing attend to that token; without it, steep attention depends on
    rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(d_vocab, (n_prompts, n_tokens), generator=generator)
    if start is not None and start < d_vocab:
        tokens[:, 0] = start
    return tokens


def relative_error(obtained: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest expected magnitude."""
    difference = (obtained - expected).abs().max()
    error = float(difference / expected.abs().max().clamp_min(1e-12))
    # `max` over layers would skip a NaN; infinity is never within a tolerance.
    return error if math.isfinite(error) else math.inf


def longest_prompt(settings: Mapping[Any, Any], n_ctx: int, checked: int) -> int:
    """How long a prompt may be: the context, or what was compared.

    Parameters
    ----------
    settings
        The model's configuration, as `config.json` holds it.
    n_ctx
        Positions of the model.
    checked
        The longest prompts that were compared. Where the configuration names a length
        beyond them at which attention changes, nothing is known of longer ones.
    """
    unknown = any(checked <= length < n_ctx for length in named_lengths(settings))
    return checked if unknown else n_ctx


def named_lengths(settings: Mapping[Any, Any]) -> Iterator[int]:
    """The lengths that a configuration names, also in the settings inside it."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from named_lengths(value)
        elif type(value) is int and LENGTHS.search(str(key)):
            yield value


def rotary_limit(settings: Mapping[Any, Any]) -> int | None:
    """The length beyond which rotary positions are other ones (None: there is none)."""
    limits = []
    for value in settings.values():
        if isinstance(value, Mapping):
            kind = value.get("rope_type", value.get("type"))
            if kind in CHANGE_WITH_LENGTH:
                name = "original_max_position_embeddings"
                of_training = settings.get("max_position_embeddings")
                limits.append(value.get(name) or settings.get(name) or of_training)
            limits.append(rotary_limit(value))
    return min((int(limit) for limit in limits if limit), default=None)
