rule summarise_effects:
    """Turn patched logit_diffs into effects with intervals, and mark the important ones."""
    input:
        patched=PATCHED,
        code=code("summarise-effects"),
    output:
        effects=reported("effects"),
        record="results/{model}/{task}/{corruption}/effects.run.json",
    log:
        "logs/summarise_effects/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_effects/{model}_{task}_{corruption}.tsv"
    params:
        importance=IMPORTANCE,
        statistics=options("statistics", "resamples", "level"),
    shell:
        "head-patching summarise-effects {params.importance} {params.statistics}"
        " --out {output.effects} {input.patched} > {log} 2>&1"


use rule summarise_effects as summarise_positions with:
    input:
        patched=POSITIONS,
        code=code("summarise-effects"),
    output:
        effects="results/{model}/{task}/{corruption}/effects_by_position.csv",
        record="results/{model}/{task}/{corruption}/effects_by_position.run.json",
    log:
        "logs/summarise_positions/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_positions/{model}_{task}_{corruption}.tsv"


rule compare_estimates:
    """Compare attribution patching with the exact effects: how well it would screen."""
    input:
        patched=PATCHED + POSITIONS,
        estimates="results/{model}/{task}/{corruption}/estimates.nc",
        chosen="results/{model}/{task}/{corruption}/chosen_heads.csv",
        code=code("compare-estimates"),
    output:
        agreement="results/{model}/{task}/{corruption}/attribution.csv",
        audit="results/{model}/{task}/{corruption}/audit.csv",
        record="results/{model}/{task}/{corruption}/attribution.run.json",
    log:
        "logs/compare_estimates/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/compare_estimates/{model}_{task}_{corruption}.tsv"
    shell:
        "head-patching compare-estimates --estimates {input.estimates}"
        " --chosen-heads {input.chosen} --out {output.agreement}"
        " --out-audit {output.audit} {input.patched} > {log} 2>&1"
