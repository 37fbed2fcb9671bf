"""The code that a rule's results depend on: an input named `code`, one small file.

All of these files are written when the Snakefile is read. Snakemake lists a folder only
once, so it would not find files that are written later.
"""

from head_patching.building.code import Code, packages_in
from head_patching.building.staleness import Stamps

STAMPS = Stamps(Code(packages_in(Path())))


def code(command, *found):
    """The code of a subcommand, and of modules that it finds by name, as one file."""
    return STAMPS.stamp(f"head_patching.commands.{command.replace('-', '_')}", *found)


def code_with_task(command):
    """The code of a subcommand and of the task of the job, as one file."""
    files = {
        task: code(command, f"head_patching.tasks.{task}") for task in config["tasks"]
    }
    return lambda wildcards: files[wildcards.task]


def code_with_tasks(command, tasks):
    """The code of a subcommand and of these tasks, as one file."""
    return code(command, *[f"head_patching.tasks.{task}" for task in tasks])


def code_with_functions(command, functions):
    """The code of a subcommand, of functions of `reporting`, and of all tasks."""
    modules = {f"head_patching.reporting.{each.module}" for each in functions}
    # The text has a sentence for each corruption of every task.
    modules |= {f"head_patching.tasks.{task}" for task in tasks()}
    return code(command, *sorted(modules))


def code_of_figure():
    """The code of the module that draws the figure of the job, as one file."""
    files = {
        figure: STAMPS.stamp(f"figures.{os.path.basename(figure)}")
        for figure in FIGURES
    }
    return lambda wildcards: files[wildcards.figure]


# What the criteria of each task's roles say, as one file.
CRITERIA = {
    path.stem: STAMPS.stamp_of_yaml(path.as_posix())
    for path in sorted(Path("config/roles").glob("*.yaml"))
}


def criteria(wildcards):
    """What the criteria of the task's roles say, if it has any."""
    return CRITERIA.get(wildcards.task, [])
