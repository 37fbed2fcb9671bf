"""The code that a rule's results depend on: an input named `code`, one small file."""

from head_patching.building.code import Code, packages_in
from head_patching.building.staleness import Stamps

STAMPS = Stamps(Code(packages_in(Path())))


def code(command):
    """The code of a subcommand, as one file."""
    return STAMPS.stamp(f"head_patching.commands.{command.replace('-', '_')}")


def code_with_task(command):
    """The code of a subcommand and of the task of the job, as one file."""
    name = f"head_patching.commands.{command.replace('-', '_')}"

    def of_job(wildcards):
        return STAMPS.stamp(name, f"head_patching.tasks.{wildcards.task}")

    return of_job


def code_of_validation(wildcards):
    """The code of the validation and of the tasks of planted models, as one file."""
    tasks = config["validation"]["tasks"]
    names = [f"head_patching.tasks.{task}" for task in tasks]
    return STAMPS.stamp("head_patching.commands.validate", *names)


def code_of_figure(wildcards):
    """The code of a figure's module, as one file."""
    return STAMPS.stamp(figure_module(wildcards))


def code_with_functions(command, functions):
    """The code of a subcommand and of the functions of `reporting` that it finds."""
    names = sorted({f"head_patching.reporting.{each.module}" for each in functions})
    return STAMPS.stamp(f"head_patching.commands.{command.replace('-', '_')}", *names)
