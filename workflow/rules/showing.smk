"""Inputs and options of the rules that draw figures and write tables and numbers."""


def figure_module(wildcards):
    """The module that draws a figure."""
    return f"figures.{os.path.basename(wildcards.figure)}"


def figure_description(wildcards):
    """What a figure shows: the first line of its module's description."""
    source = Path(f"{figure_module(wildcards).replace('.', '/')}.py")
    return ast.get_docstring(ast.parse(source.read_text())).splitlines()[0]


def figure_task(wildcards):
    """The task that a figure is about, as the report groups them."""
    return os.path.dirname(wildcards.figure) or "all tasks"


def figure_labels(wildcards):
    """The name of a figure in the report."""
    return {"figure": os.path.basename(wildcards.figure).replace("_", " ")}


def figure_tables(wildcards):
    """The tables that a figure is drawn from."""
    task = os.path.dirname(wildcards.figure)
    tables = FOLDERS.paths(FIGURES[wildcards.figure], task)
    return {name: [path.as_posix() for path in paths] for name, paths in tables.items()}


def task_results(task):
    """What a task's tables and numbers are made from."""
    only_drawn = [
        "attention_examples",
        "circuit",
        "confusion",
        "weight_roc",
        "composition",
    ]
    return {
        table.name: FOLDERS.path(table.name, task).as_posix()
        for table in register.TABLES.values()
        if table.file and table.name not in [*only_drawn, "numbers", "claims"]
    }


def results_of_task(wildcards):
    """The same, of the task at hand."""
    return task_results(wildcards.task)


def chapter_results(wildcards):
    """The results of all tasks of the chapter."""
    return sorted({path for task in CHAPTER for path in task_results(task).values()})


def chapter_options(wildcards):
    """Where the results of the chapter are."""
    return (
        f"{repeat('--experiment', CHAPTER.values())} --model-folder {CHAPTER_MODEL}/model"
        " --validation results/validation --provenance results/provenance.json"
    )


def figure_options(wildcards, input):
    """The tables that a figure is drawn from, as the options of its module."""
    tables = FIGURES[wildcards.figure]
    return " ".join(
        repeat(f"--{name.replace('_', '-')}", input.get(name)) for name in tables
    )
