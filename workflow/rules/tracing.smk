rule measure_evidence:
    """Measure attention, direct effects and weights of every head."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        code=code_with_task("measure-evidence"),
    output:
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        record="results/{model}/{task}/{corruption}/evidence.run.json",
    log:
        "logs/measure_evidence/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/measure_evidence/{model}_{task}_{corruption}.tsv"
    resources:
        mem_mb=model_memory(2),
    params:
        computing=COMPUTING,
        seed=options("statistics", "seed"),
    shell:
        "head-patching measure-evidence {params.computing} --threads {threads}"
        " --pairs {input.pairs} {params.seed} --out {output.evidence} {input.cache} > {log} 2>&1"


rule trace_paths:
    """Patch paths from every head to the answer, and to the heads found on the way."""
    input:
        model=MODEL,
        pairs=traced_pairs,
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        criteria=criteria,
        code=code_with_task("trace-paths"),
    output:
        paths="results/{model}/{task}/{corruption}/paths.nc",
        groups="results/{model}/{task}/{corruption}/groups.nc",
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
        criteria=criteria_option,
        importance=IMPORTANCE,
        resamples=options("statistics", "role_resamples"),
        groups=options("groups", "random_groups", "random_orders", "receiver_sets"),
    shell:
        "head-patching trace-paths {params.computing} --threads {threads}"
        " --evidence {input.evidence} {params.criteria} {params.importance}"
        " {params.resamples} {params.groups} --out {output.paths}"
        " --out-groups {output.groups} {input.pairs} > {log} 2>&1"


rule classify_roles:
    """Give each head the roles whose criteria it meets."""
    input:
        evidence="results/{model}/{task}/{corruption}/evidence.nc",
        paths="results/{model}/{task}/{corruption}/paths.nc",
        groups="results/{model}/{task}/{corruption}/groups.nc",
        patched=OUTPUTS,
        criteria=criteria,
        code=code_with_task("classify-roles"),
    output:
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        stability="results/{model}/{task}/{corruption}/role_stability.csv",
        roles=reported("roles"),
        criteria="results/{model}/{task}/{corruption}/role_criteria.csv",
        groups="results/{model}/{task}/{corruption}/groups.csv",
        members="results/{model}/{task}/{corruption}/group_members.csv",
        record="results/{model}/{task}/{corruption}/roles.run.json",
    log:
        "logs/classify_roles/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/classify_roles/{model}_{task}_{corruption}.tsv"
    params:
        criteria=criteria_option,
        importance=IMPORTANCE,
        resamples=options("statistics", "resamples", "role_resamples", "level"),
        labels=options("groups", "redundant_below", "necessary_above"),
    shell:
        "head-patching classify-roles --task {wildcards.task} --evidence {input.evidence} --evidence {input.paths}"
        " {params.criteria} {params.importance} {params.resamples}"
        " --groups {input.groups} {params.labels}"
        " --out {output.roles} --out-criteria {output.criteria}"
        " --out-groups {output.groups} --out-members {output.members}"
        " --out-evidence {output.evidence} --out-stability {output.stability}"
        " {input.patched} > {log} 2>&1"


rule outline_circuit:
    """Join roles and path effects to the nodes and edges of the circuit."""
    input:
        roles="results/{model}/{task}/{corruption}/roles.csv",
        criteria="results/{model}/{task}/{corruption}/role_criteria.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        groups="results/{model}/{task}/{corruption}/groups.csv",
        code=code_with_task("outline-circuit"),
    output:
        circuit="results/{model}/{task}/{corruption}/circuit.csv",
        record="results/{model}/{task}/{corruption}/circuit.run.json",
    log:
        "logs/outline_circuit/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/outline_circuit/{model}_{task}_{corruption}.tsv"
    shell:
        "head-patching outline-circuit --task {wildcards.task} --roles {input.roles}"
        " --role-criteria {input.criteria} --evidence {input.evidence}"
        " --groups {input.groups} --out {output.circuit} > {log} 2>&1"


rule show_attention:
    """Show attention of the strongest head of each role on one prompt."""
    input:
        model=TOKENIZER,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        roles="results/{model}/{task}/{corruption}/roles.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        cache=cache,
        code=code("show-attention"),
    output:
        examples="results/{model}/{task}/{corruption}/attention_examples.csv",
        record="results/{model}/{task}/{corruption}/attention_examples.run.json",
    log:
        "logs/show_attention/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/show_attention/{model}_{task}_{corruption}.tsv"
    shell:
        "head-patching show-attention --model-folder results/{wildcards.model}/model"
        " --pairs {input.pairs} --roles {input.roles} --evidence {input.evidence}"
        " --out {output.examples} {input.cache} > {log} 2>&1"
