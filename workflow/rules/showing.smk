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
    """The name of a figure in the report, and what it shows."""
    return {
        "figure": os.path.basename(wildcards.figure).replace("_", " "),
        "shows": figure_description(wildcards),
    }


def figure_tables(wildcards):
    """The tables that a figure is drawn from."""
    task = os.path.dirname(wildcards.figure)
    tables = FOLDERS.paths(FIGURES[wildcards.figure], task)
    return {name: [path.as_posix() for path in paths] for name, paths in tables.items()}


def read_by(functions, tasks):
    """The files of these tasks that functions read, and what their commands are given."""
    parameters = discovery.tables_read(functions)
    # The options of their commands name these, so that run records have their checksums.
    found = {
        FOLDERS.path("model"),
        FOLDERS.path("scores"),
        FOLDERS.path("provenance"),
    }
    for task in tasks:
        found.add(FOLDERS.path("pairs", task))
        found |= {
            path for each in FOLDERS.paths(parameters, task).values() for path in each
        }
    return sorted(path.as_posix() for path in found)


def read_for_tables(wildcards):
    """What the LaTeX tables of a task are made from."""
    return read_by(TASK_LATEX, [wildcards.task])


def results_options(tasks):
    """Where the results of these tasks are, and those of no task."""
    return (
        f"{repeat('--experiment', [CHAPTER[task] for task in tasks])}"
        f" --model-folder {CHAPTER_MODEL}/model"
        " --validation results/validation --provenance results/provenance.json"
    )


def results_of_task(wildcards):
    """Where the results of a task are, and those of no task."""
    return results_options([wildcards.task])


def figure_options(wildcards, input):
    """The tables that a figure is drawn from, as the options of its module."""
    words = []
    for name in FIGURES[wildcards.figure]:
        files = input.get(name)
        if name.endswith(register.BY_TASK):
            files = [f"{task}={path}" for task, path in zip(CHAPTER, files)]
        words.append(repeat(f"--{name.replace('_', '-')}", files))
    return " ".join(words)
