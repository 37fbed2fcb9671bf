"""Print docs/scaling.md's tables: python benchmarks/extrapolate.py CPU.csv.

Time is the operations of the matrix products that patching needs, counted by
`sweep_flops`, at the share of the machine's speed that `scaling.py` measured.
"""

import sys

import numpy as np
import pandas as pd
from scaling import THREADS

from head_patching.models.transformer import ModelConfig
from head_patching.patching.benchmark import sweep_flops

GIB = 2**30
# An IOI prompt, and what of it comes after the first difference.
N_TOKENS, N_SUFFIX = 15, 5
N_PAIRS = (20, 1000, 10_000)
CORES = 16

# What is varied, and the columns that grow with it.
VARIED = {
    "pairs": ["n_pairs"],
    "layers": ["n_layers"],
    "heads": ["n_heads"],
    "width": ["d_model"],
    "tokens patched": ["n_suffix"],
    "tokens before": ["n_tokens"],
    "layers of 7B": ["n_layers"],
}


def shape(
    name: str, layers: int, heads: int, kv_heads: int, width: int, mlp: int, vocab: int,
    gated: bool = True, parallel: bool = False,
) -> ModelConfig:  # fmt: skip
    """The shape of a published model."""
    return ModelConfig(
        name=name, architecture="", n_layers=layers, n_heads=heads,
        n_key_value_heads=kv_heads, d_model=width, d_head=width // heads, d_mlp=mlp,
        d_vocab=vocab, n_ctx=0, normalization="", eps=0, act_fn="", gated_mlp=gated,
        parallel_attn_mlp=parallel,
    )  # fmt: skip


MODELS = [
    shape("SmolLM2-135M", 30, 9, 3, 576, 1536, 49152),
    shape("GPT-2 small", 12, 12, 12, 768, 3072, 50257, gated=False),
    shape("Pythia-1.4B", 24, 16, 16, 2048, 8192, 50304, gated=False, parallel=True),
    shape("Llama-2-7B", 32, 32, 32, 4096, 11008, 32000),
]


def weight_bytes(config: ModelConfig) -> int:
    """Of the weights in fp32, embedding and unembedding apart."""
    d_qkv = (config.n_heads + 2 * config.n_key_value_heads) * config.d_head
    n_mlp = 3 if config.gated_mlp else 2
    width = config.d_model
    layer = width * (d_qkv + width + n_mlp * config.d_mlp)
    return 4 * (config.n_layers * layer + 2 * config.d_vocab * width)


def growth(measured: pd.DataFrame) -> pd.DataFrame:
    """The power with which time and operations grow, and the share of the speed."""
    base = measured[measured.varied == "base"]
    rows = []
    for varied, columns in VARIED.items():
        cases = measured[measured.varied == varied]
        if varied != "layers of 7B":
            cases = pd.concat([base, cases])
        cases = cases.sort_values(columns)
        value = np.log(cases[columns[0]])
        rows.append(
            {
                "varied": varied,
                "values": ", ".join(map(str, cases[columns[0]])),
                "seconds": ", ".join(f"{each:.1f}" for each in cases.seconds),
                "time grows with its power": power(value, cases.seconds),
                "operations": power(value, cases.gflop),
                "share of the speed": ", ".join(f"{each:.0%}" for each in share(cases)),
            }
        )
    return pd.DataFrame(rows)


def power(log_value: pd.Series, measured: pd.Series) -> str:
    """The slope of a line through logarithms."""
    return f"{np.polyfit(log_value, np.log(measured), 1)[0]:.2f}"


def share(cases: pd.DataFrame) -> pd.Series:
    """Of the speed of large matrix products."""
    return cases.gflop / cases.seconds / cases.gemm_peak_gflops


def memory_fit(measured: pd.DataFrame) -> tuple[float, float]:
    """Copies of the weights, and bytes besides, in a job's peak of memory."""
    wide = measured[measured.varied == "layers of 7B"]
    copies, besides = np.polyfit(wide.weights_mib, wide.peak_memory_mib, 1)
    return copies, besides * 2**20


def extrapolation(measured: pd.DataFrame) -> pd.DataFrame:
    """Time, memory and files of models that are really used."""
    speed = 1e9 * float((measured.gflop / measured.seconds).median()) / THREADS
    copies, besides = memory_fit(measured)
    rows = []
    for config in MODELS:
        cached = 2 * config.activation_bytes(N_TOKENS)
        for n_pairs in N_PAIRS:
            core_hours = sweep_flops(config, n_pairs, N_SUFFIX) / speed / 3600
            memory = copies * weight_bytes(config) + besides
            rows.append(
                {
                    "model": config.name,
                    "pairs": n_pairs,
                    "PFLOP a run": number(
                        sweep_flops(config, n_pairs, N_SUFFIX) / 1e15
                    ),
                    "core hours a run": number(core_hours),
                    f"hours a run on {CORES} cores": number(core_hours / CORES),
                    "memory of a job (GiB)": number(memory / GIB),
                    "cache (GiB)": number(cached * n_pairs / GIB),
                }
            )
    return pd.DataFrame(rows)


def number(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.2g}'):,g}"


def main() -> None:
    """Print the tables of the file given."""
    measured = pd.read_csv(sys.argv[1])
    copies, besides = memory_fit(measured)
    print(growth(measured).to_markdown(index=False, disable_numparse=True))
    print(f"\nshare of the speed: median {share(measured).median():.0%}")
    print(f"speed: median {(measured.gflop / measured.seconds).median():.0f} GFLOP/s")
    print(f"memory: {copies:.2f} x weights + {besides / GIB:.2f} GiB\n")
    print(extrapolation(measured).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
