"""Print the tables of docs/scaling.md: python benchmarks/extrapolate.py scaling.csv.

Time is the operations of the matrix products that patching needs, counted by
`sweep_flops`, at the speed that `scaling.py` measured.
"""

import sys

import numpy as np
import pandas as pd

from head_patching.models.weights import ModelConfig
from head_patching.patching.benchmark import sweep_flops

GIB = 2**30
# An IOI prompt in the mean, and what of it comes after the first difference.
N_TOKENS, N_SUFFIX = 16, 5
N_PAIRS = (20, 1000, 10_000)

# What is varied, and the columns that grow with it.
VARIED = {
    "pairs": ["n_pairs"],
    "layers": ["n_layers"],
    "heads": ["n_heads"],
    "width": ["d_model"],
    "tokens patched": ["n_suffix"],
    "tokens before": ["n_tokens"],
    "layers of 7B": ["n_layers"],
    "cores": ["threads"],
    "pairs, GPU": ["n_pairs"],
    "layers of 7B, GPU": ["n_layers"],
    "7B, GPU": ["n_pairs"],
}

FROM_BASE = ("pairs", "layers", "heads", "width", "tokens patched", "tokens before")


def shape(
    name: str, layers: int, heads: int, kv_heads: int, width: int, mlp: int, vocab: int,
    gated: bool = True, parallel: bool = False,
) -> ModelConfig:  # fmt: skip
    """The shape of a published model."""
    return ModelConfig(
        name=name, architecture="", n_layers=layers, n_heads=heads,
        n_key_value_heads=kv_heads, d_model=width, d_head=width // heads, d_mlp=mlp,
        d_vocab=vocab, n_ctx=N_TOKENS, normalization="RMS", eps=1e-5, act_fn="silu",
        gated_mlp=gated, parallel_attn_mlp=parallel,
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
        if varied in FROM_BASE:
            cases = pd.concat([base, cases])
        cases = cases.sort_values(columns)
        value = np.log(cases[columns[0]])
        rows.append(
            {
                "varied": varied,
                "values": ", ".join(map(str, cases[columns[0]])),
                "seconds": ", ".join(f"{each:.2g}" for each in cases.seconds),
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


def memory_fit(cases: pd.DataFrame) -> tuple[float, float]:
    """Copies of the weights, and bytes besides, in the peak of memory."""
    copies, besides = np.polyfit(cases.weights_mib, cases.peak_memory_mib, 1)
    return copies, besides * 2**20


def speed(cases: pd.DataFrame) -> float:
    """Operations in a second of the last case, which has most of them."""
    last = cases.iloc[-1]
    return 1e9 * last.gflop / last.seconds


def extrapolation(measured: pd.DataFrame) -> pd.DataFrame:
    """Time, memory and files of models that are really used."""
    cases = dict(tuple(measured.groupby("varied", sort=False)))
    copies, besides = memory_fit(cases["layers of 7B"])
    processor = speed(cases["cores"])
    rows = []
    for config in MODELS:
        # A GPU is faster the wider the model: what was measured and is not wider.
        wide = config.d_model >= cases["7B, GPU"].d_model.iloc[0]
        gpu = speed(cases["7B, GPU" if wide else "pairs, GPU"])
        weights = weight_bytes(config)
        for n_pairs in N_PAIRS:
            work = sweep_flops(config, n_pairs, N_SUFFIX)
            cached = 2 * config.activation_bytes(N_TOKENS) * n_pairs
            rows.append(
                {
                    "model": config.name,
                    "weights (GiB)": number(weights / GIB),
                    "pairs": f"{n_pairs:,}",
                    "PFLOP": number(work / 1e15),
                    "on 16 cores": span(work / processor),
                    "on an H200": span(work / gpu),
                    "memory of a job (GiB)": number((copies * weights + besides) / GIB),
                    "cache (GiB)": number(cached / GIB),
                }
            )
    return pd.DataFrame(rows)


def number(value: float) -> str:
    """Two digits that count."""
    return f"{float(f'{value:.2g}'):,g}"


def span(seconds: float) -> str:
    """A time, in the largest unit that it has two of."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds)} s"


def main() -> None:
    """Print the tables of the file given."""
    measured = pd.read_csv(sys.argv[1])
    print(growth(measured).to_markdown(index=False, disable_numparse=True))
    for varied in ("layers of 7B", "layers of 7B, GPU"):
        copies, besides = memory_fit(measured[measured.varied == varied])
        print(f"\n{varied}: {copies:.2f} x weights + {besides / GIB:.2f} GiB")
    print()
    print(extrapolation(measured).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
