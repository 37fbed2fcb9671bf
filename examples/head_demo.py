"""Patch every head of a model on three IOI prompts and print what was found.

The same as `head-patching demo`, step by step, to be changed at will:

    python examples/head_demo.py
"""

from head_patching.models.loading import load_model
from head_patching.models.prepared import prepared_folder
from head_patching.patching.experiment import HeadPatcher
from head_patching.reporting.terminal import print_head_results, print_heatmap_ascii
from head_patching.tasks.ioi import IOIDataset


def main() -> None:
    """Run the demo."""
    model = load_model(prepared_folder("smollm2-135m"))
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    print(f"{model.config.name}: {n_layers} layers x {n_heads} heads")

    dataset = IOIDataset(model)
    print(f"{len(dataset.get_clean_corrupt_pairs())} clean/corrupt pairs")

    patcher = HeadPatcher(model)
    results = patcher.run_all_heads_experiment(
        dataset=dataset, pair_indices=[0, 1, 2], patch_type="output"
    )
    print_head_results(results, top_k=15)

    heatmap = patcher.results_to_heatmap(results)
    print_heatmap_ascii(heatmap, n_layers, n_heads)

    for head in patcher.find_important_heads(results, threshold=0.05):
        print(f"L{head.layer}H{head.head} {head.patching_effect:+.3f}")


if __name__ == "__main__":
    main()
