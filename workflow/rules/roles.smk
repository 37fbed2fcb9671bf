rule measure_evidence:
    """Measure attention, direct effects and weights of every head."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        sources=task_sources("measure-evidence"),
    output:
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        record="results/{model}/{task}/{corruption}/evidence.run.json",
    log:
        "logs/measure_evidence/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/measure_evidence/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=model_memory(2),
        runtime=10,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Measure evidence about {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching measure-evidence --model-folder {params.folder}"
        " --pairs {input.pairs} --seed {params.seed}"
        " {params.computing} --threads {threads} --out {output.evidence} {input.cache} > {log} 2>&1"


rule trace_paths:
    """Patch paths from every head to the answer and to the heads found on the way."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs=traced_pairs,
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        criteria=criteria,
        sources=task_sources("trace-paths"),
    output:
        paths="results/{model}/{task}/{corruption}/paths.nc",
        record="results/{model}/{task}/{corruption}/paths.run.json",
    log:
        "logs/trace_paths/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/trace_paths/{model}_{task}_{corruption}.tsv"
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=30,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
        threshold=lookup(within=config, dpath="importance/threshold"),
        rate=lookup(within=config, dpath="importance/false_discovery_rate"),
        sign_flips=lookup(within=config, dpath="statistics/sign_flips"),
        seed=lookup(within=config, dpath="statistics/seed"),
        criteria=criteria_option,
    message:
        "Trace paths between {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching trace-paths --model-folder {params.folder}"
        " --evidence {input.evidence} {params.criteria}"
        " --threshold {params.threshold} --false-discovery-rate {params.rate}"
        " --sign-flips {params.sign_flips} --seed {params.seed}"
        " {params.computing} --threads {threads} --out {output.paths} {input.pairs} > {log} 2>&1"


rule classify_roles:
    """Give each head the roles whose criteria it meets."""
    input:
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        paths="results/{model}/{task}/{corruption}/paths.nc",
        patched=OUTPUTS,
        criteria=criteria,
        sources=sources("classify-roles"),
    output:
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        stability="results/{model}/{task}/{corruption}/role_stability.csv",
        roles=report(
            "results/{model}/{task}/{corruption}/roles.csv",
            caption="../report/roles.rst",
            category="Results",
            labels={"model": "{model}", "task": "{task}", "table": "roles"},
        ),
        criteria="results/{model}/{task}/{corruption}/role_criteria.csv",
        record="results/{model}/{task}/{corruption}/roles.run.json",
    log:
        "logs/classify_roles/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/classify_roles/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        threshold=lookup(within=config, dpath="importance/threshold"),
        rate=lookup(within=config, dpath="importance/false_discovery_rate"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        sign_flips=lookup(within=config, dpath="statistics/sign_flips"),
        role_resamples=lookup(within=config, dpath="statistics/role_resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
        criteria=criteria_option,
    message:
        "Classify {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching classify-roles --evidence {input.evidence}"
        " --evidence {input.paths} {params.criteria}"
        " --threshold {params.threshold} --false-discovery-rate {params.rate}"
        " --resamples {params.resamples} --sign-flips {params.sign_flips}"
        " --role-resamples {params.role_resamples}"
        " --level {params.level} --seed {params.seed}"
        " --out {output.roles} --out-criteria {output.criteria}"
        " --out-evidence {output.evidence} --out-stability {output.stability}"
        " {input.patched} > {log} 2>&1"


rule outline_circuit:
    """Join roles and path effects: the nodes and edges of the circuit."""
    input:
        roles="results/{model}/{task}/{corruption}/roles.csv",
        criteria="results/{model}/{task}/{corruption}/role_criteria.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        sources=task_sources("outline-circuit"),
    output:
        circuit="results/{model}/{task}/{corruption}/circuit.csv",
        record="results/{model}/{task}/{corruption}/circuit.run.json",
    log:
        "logs/outline_circuit/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/outline_circuit/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "Outline the circuit of {wildcards.model} on {wildcards.task}"
    shell:
        "head-patching outline-circuit --task {wildcards.task} --roles {input.roles}"
        " --role-criteria {input.criteria} --evidence {input.evidence}"
        " --out {output.circuit} > {log} 2>&1"


rule show_attention:
    """Attention of the strongest head of each role on one prompt."""
    input:
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
        model="results/{model}/model/model.json",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        roles="results/{model}/{task}/{corruption}/roles.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        cache=cache,
        sources=sources("show-attention"),
    output:
        examples="results/{model}/{task}/{corruption}/attention_examples.csv",
        record="results/{model}/{task}/{corruption}/attention_examples.run.json",
    log:
        "logs/show_attention/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/show_attention/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        folder=subpath(input.model, parent=True),
    message:
        "Show attention of {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching show-attention --model-folder {params.folder}"
        " --pairs {input.pairs} --roles {input.roles} --evidence {input.evidence}"
        " --out {output.examples} {input.cache} > {log} 2>&1"


rule compare_tasks:
    """Compare the heads that are important in the tasks."""
    input:
        patched=output_patched,
        sources=sources("compare-tasks"),
    output:
        overlap="results/{model}/overlap.csv",
        record="results/{model}/overlap.run.json",
    log:
        "logs/compare_tasks/{model}.log",
    benchmark:
        "logs/compare_tasks/{model}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        tasks=task_options,
        threshold=lookup(within=config, dpath="importance/threshold"),
        rate=lookup(within=config, dpath="importance/false_discovery_rate"),
        resamples=lookup(within=config, dpath="statistics/role_resamples"),
        sign_flips=lookup(within=config, dpath="statistics/sign_flips"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Compare the heads of {wildcards.model} that the tasks need"
    shell:
        "head-patching compare-tasks {params.tasks} --threshold {params.threshold}"
        " --false-discovery-rate {params.rate} --resamples {params.resamples}"
        " --sign-flips {params.sign_flips} --level {params.level} --seed {params.seed}"
        " --out {output.overlap} {input.patched} > {log} 2>&1"


rule compare_models:
    """Compare the models by behaviour, important heads and roles."""
    input:
        model=compared_models(),
        pairs=compared_files("pairs.jsonl"),
        behaviour=compared_files("behaviour.csv"),
        effects=compared_files("effects.csv"),
        roles=compared_files("roles.csv"),
        sources=sources("compare-models"),
    output:
        models="results/{model}/models.csv",
        roles="results/{model}/model_roles.csv",
        record="results/{model}/models.run.json",
    log:
        "logs/compare_models/{model}.log",
    benchmark:
        "logs/compare_models/{model}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        experiments=compared_options,
    message:
        "Compare {wildcards.model} with the other models"
    shell:
        "head-patching compare-models {params.experiments} --out {output.models}"
        " --out-roles {output.roles} > {log} 2>&1"


rule replicate:
    """Set what is published of a model beside what was measured, for both settings."""
    input:
        pairs=bos_files("pairs.jsonl"),
        behaviour=bos_files("behaviour.csv"),
        evidence=bos_files("evidence.nc"),
        roles=bos_files("roles.csv"),
        role_criteria=bos_files("role_criteria.csv"),
        sources=sources("replicate"),
    output:
        values="results/{model}/replication.csv",
        agreement="results/{model}/role_agreement.csv",
        disagreements="results/{model}/role_disagreements.csv",
        roles="results/{model}/published_roles.csv",
        record="results/{model}/replication.run.json",
    log:
        "logs/replicate/{model}.log",
    benchmark:
        "logs/replicate/{model}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings=bos_options,
        resamples=lookup(within=config, dpath="statistics/resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Set what is published of {wildcards.model} beside what was measured"
    shell:
        "head-patching replicate --model {wildcards.model} {params.settings}"
        " --resamples {params.resamples} --level {params.level} --seed {params.seed}"
        " --out {output.values} --out-agreement {output.agreement}"
        " --out-disagreements {output.disagreements} --out-roles {output.roles}"
        " > {log} 2>&1"


rule validate_roles:
    """Score the roles found in models whose circuit is known."""
    input:
        criteria=VALIDATED,
        sources=validation_sources(),
    output:
        heads="results/validation/{architecture}_{noise}.csv",
        record="results/validation/{architecture}_{noise}.run.json",
    log:
        "logs/validate_roles/{architecture}_{noise}.log",
    benchmark:
        "logs/validate_roles/{architecture}_{noise}.tsv"
    priority: 2
    # Small models: threads would wait for each other. Several jobs run side by side.
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        seeds=lookup(within=config, dpath="validation/seeds"),
        n_pairs=lookup(within=config, dpath="validation/n_pairs"),
        tasks=validated_tasks,
        nulls=null_model_option,
        threshold=lookup(within=config, dpath="importance/threshold"),
        rate=lookup(within=config, dpath="importance/false_discovery_rate"),
        sign_flips=lookup(within=config, dpath="statistics/sign_flips"),
        seed=lookup(within=config, dpath="statistics/seed"),
        criteria=criteria_folder,
    message:
        "Validate roles on planted models, {wildcards.architecture}, noise {wildcards.noise}"
    shell:
        "head-patching validate --architecture {wildcards.architecture}"
        " --noise {wildcards.noise} --seeds {params.seeds:q} {params.tasks} {params.nulls}"
        " --pairs {params.n_pairs} --seed {params.seed} --criteria {params.criteria}"
        " --threshold {params.threshold} --false-discovery-rate {params.rate}"
        " --sign-flips {params.sign_flips} --threads {threads}"
        " --out {output.heads} > {log} 2>&1"


rule summarise_validation:
    """Precision, recall, confusions and false roles over all planted models."""
    input:
        heads=expand(
            "results/validation/{architecture}_{noise}.csv",
            architecture=config["validation"]["architectures"],
            noise=config["validation"]["noise"],
        ),
        sources=sources("summarise-validation"),
    output:
        scores="results/validation/scores.csv",
        record="results/validation/scores.run.json",
        confusion="results/validation/confusion.csv",
        nulls="results/validation/null_models.csv",
    log:
        "logs/summarise_validation.log",
    benchmark:
        "logs/summarise_validation.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        level=lookup(within=config, dpath="statistics/level"),
    message:
        "Summarise the validation of roles"
    shell:
        "head-patching summarise-validation --level {params.level}"
        " --out {output.scores} --out-confusion {output.confusion}"
        " --out-null-models {output.nulls} {input.heads} > {log} 2>&1"
