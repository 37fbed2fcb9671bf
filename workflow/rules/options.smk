"""Options of the rules' commands, taken from the config and from inputs."""


def repeat(option, values):
    """The option before each of the values."""
    return shlex.join(str(word) for value in values for word in (option, value))


def options(part, *names, **renamed):
    """Options with values of one part of the config.

    `options("statistics", "level", resamples="role_resamples")` gives the values of the
    keys `level` and `role_resamples` to the options `--level` and `--resamples`. Each
    value of a list has an option: `distances: [1, 4]` is `--distance 1 --distance 4`.
    The part may hold wildcards: `tasks/{task}`.
    """

    def of_job(wildcards):
        settings = config
        for key in part.format(**wildcards).split("/"):
            settings = settings[key]
        words = []
        for option, key in (dict(zip(names, names)) | renamed).items():
            several = isinstance(settings[key], list)
            option = option.removesuffix("s") if several else option
            values = settings[key] if several else [settings[key]]
            words.append(repeat(f"--{option.replace('_', '-')}", values))
        return " ".join(words)

    return of_job


# Intervals over templates.
BOOTSTRAP = options("statistics", "resamples", "level", "seed")


def IMPORTANCE(wildcards):
    """Which heads are important: the size of their effects, and the test of them."""
    size = options("importance", "threshold", "false_discovery_rate")
    test = options("statistics", "sign_flips", "seed")
    return f"{size(wildcards)} {test(wildcards)}"


def criteria_option(wildcards):
    """The criteria of the task's roles, if it has any."""
    if wildcards.task not in CRITERIA:
        return ""
    return f"--criteria config/roles/{wildcards.task}.yaml"


def output_at_positions(wildcards):
    """The output, at each of the task's positions alone."""
    positions = options("tasks/{task}", "positions")
    return f"--patch-type output {positions(wildcards)}"


def patched_options(files):
    """Each direction, and where its patched runs are written."""
    return f"{repeat('--direction', config['directions'])} {repeat('--out', files)}"


def shard_option(wildcards):
    """The part of the pairs, with `shards` in the config: `--shard 3/8`."""
    part = wildcards.get("part")
    return f"--shard {part.replace('-of-', '/')}" if part else ""


def cached_pairs(wildcards):
    """Which pairs are in a cache file."""
    count = config["pairs_per_file"]
    return f"--first {int(wildcards.number) * count} --count {count}"


def task_options(wildcards):
    """The task of each of the outputs of `patched_in_all_tasks`."""
    return repeat(
        "--task", [task for task in config["tasks"] for _ in config["directions"]]
    )


def input_options(*names):
    """The files of each of these inputs after the option of its name."""

    def of_job(wildcards, input):
        found = [
            repeat(f"--{name.replace('_', '-')}", input.get(name, [])) for name in names
        ]
        return " ".join(filter(None, found))

    return of_job


def validation_options(wildcards):
    """What is scored at this noise level: models, tasks, and what nobody planted."""
    settings = config["validation"]
    end = "" if wildcards.noise == "default" else "_of_curve"
    kinds = {"seeds": f"seeds{end}", "redundancy": f"redundancy{end}"}
    models = options("validation", pairs="n_pairs", **kinds)
    first, *others = settings["tasks"]
    words = [models(wildcards), repeat("--task", [first])]
    if wildcards.noise in settings["all_tasks_at"]:
        words.append(repeat("--task-of-shared", others))
    if wildcards.noise in settings["null_models_at"]:
        words += ["--null-models", options("validation", "null_seeds")(wildcards)]
    if settings["decoys"] and not end:
        decoys = repeat("--decoys", settings["decoys"])
        words += [decoys, options("validation", "decoy_seeds")(wildcards)]
    return " ".join(words)
