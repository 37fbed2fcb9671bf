#!/usr/bin/env bash
# Measures the engine against TransformerLens, case by case, and writes the table of
# README.md. Run on a machine that does nothing else; takes about half an hour on two
# cores. CELLS patches of TransformerLens are timed in each case and scaled up to its
# whole sweep (0: the whole sweep). Names of cases as arguments measure these alone:
# `benchmarks/measure.sh output_32 output_8`.
set -eu
cd "$(dirname "$0")/.."
cells=${CELLS:-45}
wanted=" $* "

measure() {
    name=$1
    shift
    case $wanted in "  " | *" $name "*) ;; *) return 0 ;; esac
    head-patching benchmark --rounds 2 --cells "$cells" "$@" \
        --json "benchmarks/$name.json"
}

measure output_32 --pairs 32
measure output_8 --pairs 8
cells=0 measure output_1 --pairs 1
measure abc_8 --pairs 8 --corruption abc
measure shots_8 --pairs 8 --shots 4
for patch_type in q k v pattern; do
    measure "${patch_type}_8" --pairs 8 --patch-type "$patch_type"
done
measure each_8 --pairs 8 --positions each
measure each_32 --pairs 32 --positions each --rounds 1
measure screen_32 --pairs 32 --screen

checkpoint=$(mktemp -d)/gpt2-small-shape
python benchmarks/gpt2_small_shape.py "$checkpoint"
measure gpt2_32 --model "$checkpoint" --pairs 32

python benchmarks/table.py benchmarks/{output,abc,shots,q,k,v,pattern,each,screen,gpt2}_*.json
