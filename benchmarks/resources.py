"""What the jobs of a build took, rule by rule: python benchmarks/resources.py LOGS.

Reads the `benchmark:` files that Snakemake wrote below the folder of logs, and prints
the largest figures of each rule. Threads, memory and minutes in `workflow/rules/` leave
room above them.
"""

import sys
from pathlib import Path

import pandas as pd


def benchmarks(logs: Path) -> pd.DataFrame:
    """One row for each job; a rule's files are in a folder of its name, or are one."""
    frames = []
    for path in sorted(logs.rglob("*.tsv")):
        rule = path.relative_to(logs).parts[0].removesuffix(".tsv")
        frames.append(pd.read_csv(path, sep="\t").assign(rule=rule))
    return pd.concat(frames)


def main() -> None:
    """Print the table."""
    by_rule = benchmarks(Path(sys.argv[1])).groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": by_rule.size(),
            "seconds": by_rule.s.max().round(),
            "of a core": by_rule.cpu_time.max().round(),
            "MB": by_rule.max_rss.max().round(),
        }
    )
    order = table.sort_values("of a core", ascending=False).astype(int).reset_index()
    print(order.to_markdown(index=False))


if __name__ == "__main__":
    main()
