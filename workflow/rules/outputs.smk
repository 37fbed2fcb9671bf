"""What a build makes: figures, tables, and the records of how results were made."""

# Figure of a task -> the tables it is drawn from, named as the options of its module.
TASK_FIGURES = {
    "attention_examples": ["attention_examples"],
    "attention_targets": ["evidence", "roles"],
    "behaviour": ["behaviour"],
    "circuit": ["circuit"],
    "head_effects": ["effects"],
    "necessity_sufficiency": ["effects", "roles"],
    "patching_grid": ["effects"],
    "path_effects": ["evidence"],
    "position_effects": ["effects_by_position"],
    "role_map": ["roles"],
    "top_heads": ["effects", "roles"],
}

# Figures of one task alone.
OWN_FIGURES = {
    "induction/composition": ["composition_edges", "roles"],
    "induction/prefix_matching": ["evidence", "roles"],
    "induction/weights_roc": ["weight_roc", "weight_agreement"],
}

# All figures; a task's are in a folder of its name.
FIGURES = {
    f"{task}/{figure}": tables
    for task in config["tasks"]
    for figure, tables in TASK_FIGURES.items()
}
FIGURES |= {
    figure: tables
    for figure, tables in OWN_FIGURES.items()
    if os.path.dirname(figure) in config["tasks"]
}
FIGURES |= {
    "repetition": ["repetition"],
    "validation_confusion": ["confusion"],
    "validation_noise": ["scores"],
}

if len(config["models"]) > 1:
    FIGURES |= {"model_roles": ["model_roles"]}

# Tables that belong to no task: about planted models, and about a model as such.
VALIDATION = ["confusion", "null_models", "scores"]
OF_MODEL = ["overlap", "repetition", "weights"]
# About the chapter's model: beside what is published of it.
REPLICATION = ["replication", "role_agreement", "role_disagreements"]
# About the chapter's model beside the others.
COMPARISON = ["models", "model_roles"]

TASK_TABLES = expand(
    "results/tables/{{task}}/{table}.tex",
    table=[
        "attribution",
        "behaviour",
        "criteria",
        "knock_out",
        "paths",
        "positions",
        "role_evidence",
        "roles",
        "self_check",
        "signals",
        "top_heads",
        "undecided",
        "weight_agreement",
        "weights",
    ],
)
SHARED_TABLES = expand(
    "results/tables/{table}.tex",
    table=["provenance", "validation", *REPLICATION, *COMPARISON],
)
TABLES = expand(TASK_TABLES, task=config["tasks"]) + SHARED_TABLES

# Everything written by hand that the chapter is typeset from.
TEXT = sorted(
    path.as_posix()
    for path in Path("paper").iterdir()
    if path.suffix in {".tex", ".bib", ".sty", ".cls", ".bst"}
)

# The results that have a run record beside them.
RECORDS = [
    f"results/{model}/{task}/{corruption}/pairs.run.json"
    for model in MODELS
    for task in config["tasks"]
    for corruption in find_task(task).tracing.corruptions
    if corruption != config["tasks"][task]["corruption"]
] + [
    f"{folder}/{result}.run.json"
    for folder in EXPERIMENTS
    for result in [
        "pairs",
        "behaviour",
        *expand(
            "patching/{direction}_{patch_type}",
            direction=config["directions"],
            patch_type=config["patch_types"],
        ),
        *expand("positions/{direction}_output", direction=config["directions"]),
        "attribution",
        "self_check",
        "effects",
        "effects_by_position",
        "evidence",
        "paths",
        "roles",
        "weight_agreement",
        "attention_examples",
        "circuit",
    ]
]

RECORDS += expand(
    "results/{model}/{result}.run.json", model=MODELS, result=OF_MODEL
) + expand(
    "results/validation/{architecture}_{noise}.run.json",
    architecture=config["validation"]["architectures"],
    noise=config["validation"]["noise"],
)
RECORDS += ["results/validation/scores.run.json"]
RECORDS += [f"{CHAPTER_MODEL}/{name}.run.json" for name in ("replication", "models")]
RECORDS += [
    f"{CHAPTER_MODEL}/ioi/{corruption}.other_bos/pairs.run.json"
    for corruption in find_task("ioi").tracing.corruptions
    if OTHER_BOS and corruption != config["tasks"]["ioi"]["corruption"]
]
RECORDS += expand(
    "{folder}/{result}.run.json",
    folder=OTHER_BOS,
    result=[
        "pairs",
        "behaviour",
        "evidence",
        "paths",
        *expand("patching/{direction}_output", direction=config["directions"]),
        "roles",
    ],
)

# Each shard of a patched run has a record of its own.
RECORDS += [
    f"{record.removesuffix('.run.json')}/{part}.run.json"
    for record in RECORDS
    if Path(record).parent.name in ("patching", "positions")
    for part in parts(Path(record).parts[2])
]


def reported(table):
    """A table of an experiment, which is in the report, too."""
    return report(
        f"results/{{model}}/{{task}}/{{corruption}}/{table}.csv",
        caption=f"../report/{table}.rst",
        category="Results",
        labels={"model": "{model}", "task": "{task}", "table": table},
    )


wildcard_constraints:
    # Not one of the other folders of results/.
    model=r"(?!(?:figures|tables|validation|paper)/)[A-Za-z0-9][A-Za-z0-9._-]*",
    task=r"[a-z][a-z0-9_]*",
    corruption=r"[a-z0-9_]+(\.other_bos)?",
    number=r"\d+",
    part=r"\d+-of-\d+",
    patched="patching|positions",
    direction="|".join(DIRECTIONS),
    patch_type="|".join(PATCH_TYPES),
    figure="|".join(FIGURES),
    architecture="gpt2|llama",
    noise=r"default|[\d.]+",


def rule_of_output(wildcards):
    """Which rule makes a file, by the pattern of its path, as JSON."""
    made = {str(path): rule.name for rule in workflow.rules for path in rule.output}
    return json.dumps(made, sort_keys=True)


def everything(wildcards):
    """What a whole build makes."""
    return rules.all.input


def own_files(wildcards):
    """The project's own files, which an archive holds."""
    return project_files(Path())
