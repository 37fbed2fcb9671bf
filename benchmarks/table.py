"""Print the measurements in JSON files as one Markdown table."""

import json
import sys
from pathlib import Path


def row(path: Path) -> str:
    """One case: seconds of both contenders, ratio, exactness, speed, memory."""
    record = json.loads(path.read_text(encoding="utf-8"))
    engine, other = record["engine"], record["transformer_lens"]
    difference = engine["max_abs_diff"]
    exact = "–" if difference is None else f"{difference:.0e}"
    share = f"{engine['gflops'] / engine['gemm_peak_gflops']:.0%}"
    if "screened" in record["setting"]:  # it leaves out most of what is counted
        share = "–"
    cells = [
        record["setting"],
        f"{other['seconds']:.1f}",
        f"{engine['seconds']:.1f}",
        f"**{engine['ratio']:.1f}**" + live_ratio(engine),
        exact,
        share,
        f"{engine['peak_rss_mib']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def live_ratio(engine: dict[str, float]) -> str:
    """The ratio to a sweep of the live positions only, where it is another."""
    if round(engine["ratio_live"], 1) == round(engine["ratio"], 1):
        return ""
    return f" ({engine['ratio_live']:.1f})"


def main() -> None:
    """Print the table of all files given."""
    titles = ["case", "TransformerLens (s)", "engine (s)", "ratio", "max. difference"]
    titles += ["of GEMM peak", "peak memory (MiB)"]
    print("| " + " | ".join(titles) + " |")
    print("|---|" + "---:|" * (len(titles) - 1))
    for path in sys.argv[1:]:
        print(row(Path(path)))


if __name__ == "__main__":
    main()
