rule validate_roles:
    """Score the roles found in models whose circuit is known."""
    input:
        criteria=[CRITERIA[task] for task in config["validation"]["tasks"]],
        code=code_with_tasks("validate", config["validation"]["tasks"]),
    output:
        heads="results/validation/{architecture}_{noise}.csv",
        record="results/validation/{architecture}_{noise}.run.json",
    log:
        "logs/validate_roles/{architecture}_{noise}.log",
    benchmark:
        "logs/validate_roles/{architecture}_{noise}.tsv"
    priority: 2
    # One thread: the models are small, and several jobs run at once.
    resources:
        runtime=60,
    params:
        models=validation_options,
        importance=IMPORTANCE,
        groups=options("groups", "random_groups", "random_orders"),
    shell:
        "head-patching validate --architecture {wildcards.architecture}"
        " --noise {wildcards.noise} {params.models}"
        " --criteria config/roles {params.importance} {params.groups}"
        " --threads {threads} --out {output.heads} > {log} 2>&1"


rule summarise_validation:
    """Summarise all planted models: precision, recall, confusions and false roles."""
    input:
        heads=expand(
            "results/validation/{architecture}_{noise}.csv",
            architecture=config["validation"]["architectures"],
            noise=config["validation"]["noise"],
        ),
        code=code("summarise-validation"),
    output:
        scores="results/validation/scores.csv",
        record="results/validation/scores.run.json",
        pooled="results/validation/pooled_scores.csv",
        confusion="results/validation/confusion.csv",
        nulls="results/validation/null_models.csv",
        decoys="results/validation/decoys.csv",
    log:
        "logs/summarise_validation.log",
    benchmark:
        "logs/summarise_validation.tsv"
    params:
        level=options("statistics", "level"),
    shell:
        "head-patching summarise-validation {params.level}"
        " --out {output.scores} --out-pooled {output.pooled}"
        " --out-confusion {output.confusion}"
        " --out-null-models {output.nulls} --out-decoys {output.decoys}"
        " {input.heads} > {log} 2>&1"
