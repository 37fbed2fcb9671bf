"""What a build makes: figures, tables, and the records of how results were made."""

# Where the tables of each model are, and those of the chapter.
FOLDERS_OF = {
    model: Folders(
        Path("results"),
        Path("results") / model,
        {
            task: Path("results") / model / task / settings["corruption"]
            for task, settings in config["tasks"].items()
        },
    )
    for model in MODELS
}
FOLDERS = next(iter(FOLDERS_OF.values()))

# Each figure, and the tables that it is drawn from; a task's are in a folder of its name.
FIGURES = figures(Path("figures"), list(config["tasks"]), len(config["models"]))

# Functions that give numbers of the text, and LaTeX tables of a task or of no task.
NUMBERS = discovery.marked(discovery.numbers)
LATEX = discovery.marked(discovery.latex_table)
TASK_LATEX = [each for each in LATEX if each.of_task]
SHARED_LATEX = [each for each in LATEX if not each.of_task]

TASK_TABLES = expand(
    "results/tables/{{task}}/{table}.tex", table=[each.file for each in TASK_LATEX]
)
SHARED_TABLES = expand(
    "results/tables/{table}.tex", table=[each.file for each in SHARED_LATEX]
)
TABLES = expand(TASK_TABLES, task=config["tasks"]) + SHARED_TABLES

# Everything written by hand that the chapter is typeset from.
TEXT = sorted(
    path.as_posix()
    for path in Path("paper").iterdir()
    if path.suffix in {".tex", ".bib", ".sty", ".cls", ".bst"}
)


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
    direction="|".join(DIRECTIONS),
    patch_type="|".join(PATCH_TYPES),
    within="|".join(name for name in PATCH_TYPES if name != "output"),
    figure="|".join(FIGURES),
    architecture="gpt2|llama",
    noise=r"default|[\d.]+",


def table_records(wildcards):
    """The run records of all tables: those of the runs before are found from them."""
    scopes = register.Scope
    of_each_model = {scopes.EXPERIMENT, scopes.MODEL}
    paths = {
        folders.path(table.name, task).as_posix()
        for folders in FOLDERS_OF.values()
        for table in register.TABLES.values()
        for task in CHAPTER
        if table.file and table.scope != scopes.BUILD
        if folders is FOLDERS or table.scope in of_each_model
    }
    return sorted(
        {
            each.expand_output(each.get_wildcards(path))[0].record
            for each in workflow.rules
            for path in paths
            if hasattr(each.output, "record") and each.is_producer(path)
        }
    )


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


def end_build():
    """Say what was found and where it is."""
    # Takes half a second to import, which no plan should wait for.
    from head_patching.reporting.sources import TablesInFolders
    from head_patching.reporting.summary import summary

    try:
        lines = summary(TablesInFolders(FOLDERS, corruptions=[]))
    except ValueError as error:  # a file was damaged meanwhile
        lines = [f"error: {error}"]
    # Through the logger: it follows the last line about the build, and is in the log.
    logger.info("\n".join(lines))
