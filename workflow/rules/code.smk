"""The code that a rule's results depend on."""

from head_patching.building.workflow_sources import module_sources

LOCKS = ["requirements.lock", "model.lock"]


def code(command):
    """Files that a subcommand is made of, and the locks of what it imports."""
    name = command.replace("-", "_")
    return module_sources(f"head_patching.commands.{name}") + LOCKS


def code_with_task(command):
    """Files that a subcommand is made of, and those of the task of the job."""

    def of_job(wildcards):
        return code(command) + module_sources(f"head_patching.tasks.{wildcards.task}")

    return of_job


def code_of_validation(wildcards):
    """Files of the validation, and those of the tasks of planted models."""
    tasks = config["validation"]["tasks"]
    modules = [module_sources(f"head_patching.tasks.{task}") for task in tasks]
    return code("validate") + sum(modules, [])


def code_of_figure(wildcards):
    """Files that a figure's module is made of."""
    return module_sources(figure_module(wildcards)) + LOCKS


def code_with_functions(command, functions):
    """Files of a subcommand and of the functions of `reporting` that it finds."""
    modules = sorted({f"head_patching.reporting.{each.module}" for each in functions})
    return code(command) + sum(map(module_sources, modules), [])
