"""The columns that each table of results has, whoever reads it; it may have more."""

HEAD = ["layer", "head"]

COLUMNS = {
    "attribution": ["patch_type", "direction", "pearson", "spearman", "top"]
    + ["top_shared", "largest_error", "largest_error_layer", "largest_error_head"],
    "behaviour": ["group", "run", "metric", "mean", "ci_low", "ci_high", "n_pairs"],
    "effects": ["patch_type", "direction", *HEAD, "effect", "ci_low", "ci_high"]
    + ["p_value", "q_value", "important", "n_pairs"],
    "effects_by_position": ["direction", *HEAD, "position", "effect", "ci_low"]
    + ["ci_high", "important"],
    "evidence": [*HEAD, "criterion", "value", "ci_low", "ci_high", "n", "important"],
    "roles": [*HEAD, "role", "important", "missing", "probability"],
    "role_stability": ["role", "jaccard", "n_resamples"],
    "role_criteria": [*HEAD, "role", "criterion", "value", "ci_low", "ci_high"]
    + ["comparison", "threshold", "verdict"],
    "self_check": ["patch_type", "direction", *HEAD, "pair", "abs_diff"],
    "scores": ["task", "architecture", "noise", "role", "tp", "fp", "fn", "is_default"]
    + ["precision", "precision_low", "precision_high", "n_models"]
    + ["recall", "recall_low", "recall_high"],
    "null_models": ["architecture", "seed", "without", "refused", "task"]
    + ["false_roles", "heads"],
    "overlap": ["first", "second", "direction", "n_first", "n_second", "shared"]
    + ["jaccard", "ci_low", "ci_high", "expected", "p_value", "heads"],
    "repetition": ["distance", "copies", "metric", "mean", "ci_low", "ci_high"]
    + ["n_sequences"],
    "weights": [*HEAD, "criterion", "value"],
    "composition": ["kind", *HEAD, "later_layer", "later_head", "value", "baseline"]
    + ["baseline_sd"],
    "validation": ["architecture", "noise", "seed", "without", "task", "refused"]
    + [*HEAD, "planted", "found"],
    "weight_agreement": ["role", "criterion", "effect", "spearman", "ci_low", "ci_high"]
    + ["auc", "p_value", "n_in_role", "n_heads"],
    "weight_pairs": ["kind", "difference", "p_value", "n_pairs"],
    "composition_edges": ["kind", *HEAD, "later_layer", "later_head", "z", "role"]
    + ["later_role"],
    "published_heads": [*HEAD, "source"],
    "published_roles": ["role", *HEAD],
    "replication": ["criterion", "role", "heads", "n_heads", "comparison", "published"]
    + ["prepend_bos", "own", "value", "ci_low", "ci_high", "agrees"],
    "role_agreement": ["prepend_bos", "own", "role", "published", "found", "both"]
    + ["precision", "recall", "kappa", "kappa_low", "kappa_high"],
    "role_disagreements": ["own", *HEAD, "role", "side", "criterion", "value"]
    + ["ci_low", "ci_high", "comparison", "threshold", "verdict"],
    "models": ["model", "task", "n_layers", "n_heads", "logit_diff", "logit_diff_low"]
    + ["logit_diff_high", "accuracy", "denoising_important", "denoising_share"]
    + ["denoising_concentration", "noising_important", "noising_share"]
    + ["noising_concentration"],
    "model_roles": ["model", "task", *HEAD, "role", "depth"],
}
