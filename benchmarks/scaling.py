"""How the time and memory of patching grow, measured on models with random weights.

`python benchmarks/scaling.py FILE.csv` runs each case in a process of its own, so that
its peak of memory is its own; cases for more cores than there are, or for a GPU that
is not there, are left out. One thing is varied at a time from `BASE`; then follow some
layers of a model of 7B parameters, and on a GPU all of them. Speed depends on shapes
alone. `extrapolate.py` makes tables of the file.
"""

import csv
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from head_patching.models.tensors import build_model
from head_patching.models.weights import ModelConfig
from head_patching.patching.benchmark import gemm_peak, sweep_flops
from head_patching.patching.experiment import HeadPatcher
from head_patching.tasks.pairs import PromptPair, PromptPairs

D_VOCAB = 1000
IN = ("W_in", "W_gate")
MIB = 2**20


@dataclass(frozen=True)
class Case:
    """A model's shape, and what it is patched on."""

    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int
    n_pairs: int
    n_tokens: int
    n_suffix: int  # tokens from the first difference on
    device: str = "cpu"
    threads: int = 2

    @property
    def possible(self) -> bool:
        """Whether this machine has what the case runs on."""
        if self.device == "cuda":
            return torch.cuda.is_available()
        return self.threads <= (os.cpu_count() or 1)

    @property
    def config(self) -> ModelConfig:
        """A Llama of this shape."""
        return ModelConfig(
            name="random", architecture="LlamaForCausalLM", n_layers=self.n_layers,
            n_heads=self.n_heads, n_key_value_heads=self.n_heads, d_model=self.d_model,
            d_head=self.d_model // self.n_heads, d_mlp=self.d_mlp, d_vocab=D_VOCAB,
            n_ctx=1024, normalization="RMS", eps=1e-5, act_fn="silu", gated_mlp=True,
            parallel_attn_mlp=False,
        )  # fmt: skip


BASE = Case(12, 12, 768, 2048, n_pairs=8, n_tokens=15, n_suffix=5)
WIDE = Case(2, 32, 4096, 11008, n_pairs=4, n_tokens=15, n_suffix=5)

CASES = {
    "base": [BASE],
    "pairs": [replace(BASE, n_pairs=n) for n in (2, 4, 16, 32)],
    "layers": [replace(BASE, n_layers=n) for n in (6, 24)],
    "heads": [replace(BASE, n_heads=n) for n in (6, 24)],
    "width": [replace(BASE, d_model=d, d_mlp=d * 8 // 3) for d in (384, 1536)],
    "tokens patched": [
        replace(BASE, n_tokens=10 + n, n_suffix=n) for n in (10, 20, 40)
    ],
    "tokens before": [replace(BASE, n_tokens=n) for n in (60, 240)],
    "layers of 7B": [replace(WIDE, n_layers=n) for n in (2, 3, 4)],
    "cores": [replace(BASE, n_pairs=256, threads=threads) for threads in (8, 16)],
    "pairs, GPU": [
        replace(BASE, n_pairs=n, device="cuda", threads=4) for n in (8, 64, 256)
    ],
    "layers of 7B, GPU": [
        replace(WIDE, n_layers=n, n_pairs=16, device="cuda", threads=4) for n in (2, 4)
    ],
    "7B, GPU": [
        replace(WIDE, n_layers=32, n_pairs=n, device="cuda", threads=4) for n in (2, 8)
    ],
}


def random_tensors(config: ModelConfig) -> dict[str, torch.Tensor]:
    """Weights under TransformerLens's names, small enough that nothing overflows."""
    d, heads, d_head = config.d_model, config.n_heads, config.d_head
    shapes = {
        "embed.W_E": (D_VOCAB, d),
        "unembed.W_U": (d, D_VOCAB),
        "unembed.b_U": (D_VOCAB,),
        "rotary.cos": (config.n_ctx, d_head),
        "rotary.sin": (config.n_ctx, d_head),
    }
    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        shapes |= {f"{block}.attn.W_{name}": (heads, d, d_head) for name in "QKV"}
        shapes |= {f"{block}.attn.W_O": (heads, d_head, d)}
        shapes |= {f"{block}.mlp.{name}": (d, config.d_mlp) for name in IN}
        shapes |= {f"{block}.mlp.W_out": (config.d_mlp, d)}
    torch.manual_seed(0)
    return {name: torch.randn(*shape) * d**-0.5 for name, shape in shapes.items()}


def random_pairs(case: Case) -> PromptPairs:
    """Prompts of random tokens that differ in the first token of the suffix."""
    draw = torch.Generator().manual_seed(0)
    shape = case.n_pairs, case.n_tokens
    tokens = torch.randint(2, D_VOCAB - 1, shape, generator=draw)
    other = tokens.clone()
    other[:, case.n_tokens - case.n_suffix] += 1
    rows = zip(tokens.tolist(), other.tolist(), strict=True)
    pairs = tuple(
        PromptPair(
            f"clean {n}", f"corrupt {n}", tuple(clean), tuple(corrupt), "yes", "no",
            0, 1, {"END": case.n_tokens - 1}, f"template-{n}",
        )
        for n, (clean, corrupt) in enumerate(rows)
    )  # fmt: skip
    return PromptPairs("random", "one_token", False, 0, pairs)


def measure(case: Case, weights: Path) -> dict[str, float]:
    """Seconds of one sweep over all heads, and the peak of memory.

    The speed of large matrix products is measured before and after, on the same
    device and threads: other work on the machine slows both. Memory is the process's,
    and on a GPU what was taken there.
    """
    torch.set_num_threads(case.threads)
    device = case.device
    tensors = {name: each.to(device) for name, each in load_file(weights).items()}
    model = build_model(case.config, tensors)
    del tensors
    pairs, patcher = random_pairs(case), HeadPatcher(model)
    patcher.run(pairs.select([0]))  # warm up: allocations and thread pools
    size = 2048 if device == "cpu" else 8192
    peaks = [gemm_peak(size, device=device)]
    begin = time.perf_counter()
    patcher.run(pairs)
    seconds = time.perf_counter() - begin
    peaks.append(gemm_peak(size, device=device))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if device != "cpu":
        memory = torch.cuda.max_memory_allocated()
    return {
        "seconds": round(seconds, 3),
        "gflop": round(sweep_flops(case.config, case.n_pairs, case.n_suffix) / 1e9, 1),
        "gemm_peak_gflops": round(max(peaks), 1),
        "weights_mib": round(weights.stat().st_size / MIB, 1),
        "peak_memory_mib": round(memory / MIB, 1),
    }


def main() -> None:
    """Measure all cases that this machine can, and write them to the file given."""
    rows = []
    for varied, cases in CASES.items():
        for case in filter(lambda each: each.possible, cases):
            with tempfile.TemporaryDirectory() as folder:
                weights = Path(folder) / "weights.safetensors"
                save_file(random_tensors(case.config), weights)
                spawn = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(1, mp_context=spawn) as process:
                    figures = process.submit(measure, case, weights).result()
            rows.append({"varied": varied} | asdict(case) | figures)
            print(*rows[-1].values(), flush=True)
    with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
