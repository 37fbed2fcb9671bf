rule compare_tasks:
    """Compare the heads that are important in the tasks."""
    input:
        patched=patched_in_all_tasks,
        code=code("compare-tasks"),
    output:
        overlap="results/{model}/overlap.csv",
        record="results/{model}/overlap.run.json",
    log:
        "logs/compare_tasks/{model}.log",
    benchmark:
        "logs/compare_tasks/{model}.tsv"
    params:
        tasks=task_options,
        importance=IMPORTANCE,
        resamples=options("statistics", "level", resamples="role_resamples"),
    shell:
        "head-patching compare-tasks {params.tasks} {params.importance} {params.resamples}"
        " --out {output.overlap} {input.patched} > {log} 2>&1"


rule compare_models:
    """Compare the models by behaviour, important heads and roles."""
    input:
        unpack(compared),
        code=code("compare-models"),
    output:
        models="results/{model}/models.csv",
        roles="results/{model}/model_roles.csv",
        record="results/{model}/models.run.json",
    log:
        "logs/compare_models/{model}.log",
    benchmark:
        "logs/compare_models/{model}.tsv"
    params:
        experiments=input_options(*COMPARED),
    shell:
        "head-patching compare-models {params.experiments} --out {output.models}"
        " --out-roles {output.roles} > {log} 2>&1"


rule replicate:
    """Compare published values with ours, for both settings of the start token."""
    input:
        unpack(both_bos),
        code=code("replicate"),
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
    params:
        measured=input_options(*BOTH_BOS),
        bootstrap=BOOTSTRAP,
    shell:
        "head-patching replicate --model {wildcards.model} {params.measured}"
        " {params.bootstrap} --out {output.values} --out-agreement {output.agreement}"
        " --out-disagreements {output.disagreements} --out-roles {output.roles}"
        " > {log} 2>&1"
