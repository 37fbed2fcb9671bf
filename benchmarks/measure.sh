#!/usr/bin/env bash
# Measures the engine against TransformerLens, case by case, and writes the table of
# README.md. Run on a machine that does nothing else; takes about a quarter of an hour on
# two cores. CELLS patches of TransformerLens are timed in each case and scaled up to its
# whole sweep (0: the whole sweep).
set -eu
cd "$(dirname "$0")/.."
cells=${CELLS:-90}

measure() {
    name=$1
    shift
    head-patching benchmark --cells "$cells" "$@" --json "benchmarks/$name.json"
}

measure pairs_32 --pairs 32
measure pairs_8 --pairs 8
measure pairs_1 --pairs 1
measure abc_8 --pairs 8 --corruption abc
measure shots_8 --pairs 8 --shots 4
measure each_8 --pairs 8 --positions each
for patch_type in q k v pattern; do
    measure "${patch_type}_8" --pairs 8 --patch-type "$patch_type"
done
python benchmarks/table.py benchmarks/*.json
