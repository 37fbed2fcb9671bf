# From a model's name to a typeset chapter. Every number, table and figure is the output
# of a rule; a rule's recipe is the command that it prints.
#
# Paths, written here once:
#   results/{model}/model/                            the prepared model
#   results/{model}/{task}/{corruption}/              one experiment:
#       pairs.jsonl                                     prompt pairs
#       behaviour.csv                                   what the model answers
#       cache/{number}.safetensors + .json              clean and corrupt activations
#       patching/{direction}_{patch_type}.nc            logit_diff of every patched run
#       patching/{direction}_{patch_type}/{part}.nc     its shards, if it is cut
#       positions/{direction}_{patch_type}.nc           the same runs at single positions
#       estimates.nc                                    first-order estimates of them all
#       chosen_heads.csv                                heads patched within and at
#                                                         single positions, and why
#       self_check.csv + .json                          against TransformerLens's hooks
#       attribution.csv, audit.csv                      estimates against exact effects
#       effects.csv, effects_by_position.csv            effect of every head
#       evidence.nc, paths.nc                           measured on every head and pair
#       groups.nc                                       and on groups of heads
#       evidence.csv, roles.csv, role_criteria.csv,
#       role_stability.csv                              roles, and how stable they are
#       groups.csv, group_members.csv                   what heads do together, and each
#       attention_examples.csv                          attention on one prompt
#       circuit.csv                                     heads with a role, paths between
#       weight_*.csv, composition_edges.csv,
#       published_heads.csv                             comparison of roles with weights
#   results/{model}/{task}/{corruption}.other_bos/    the same prompts with the other
#                                                       setting of the start token
#   results/{model}/repetition.csv, overlap.csv       behaviour on random tokens; heads
#                                                       that tasks share
#   results/{model}/replication.csv,                  what is published of the model,
#       role_agreement.csv, role_disagreements.csv      compared with what was measured
#   results/{model}/models.csv, model_roles.csv       all models side by side
#   results/{model}/weights.csv, composition.csv       its heads by their weights
#   results/validation/                               roles of models with known circuits
#   results/figures/{figure}.pdf + .png + .csv        figures and the numbers in them;
#   results/tables/{table}.tex                          a task's are in its folder
#   results/numbers.tex + .csv                        the numbers in the text, and the
#                                                       files that they come from
#   results/claims.csv                                claims against the reference
#   results/archive/head-patching.tar.gz              all to be deposited
#   results/provenance.json                           checksums, versions, settings
#   results/paper/chapter.pdf                         the chapter
#   x.run.json, in the folder of x                    the record of the run that made x
#   logs/{rule}/...                                   what a job printed


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Used with `--sdm apptainer` only: else rules run in Snakemake's own environment.
container: "docker://python:3.11-bookworm"


include: "workflow/rules/tuning.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/code.smk"
include: "workflow/rules/options.smk"
include: "workflow/rules/measuring.smk"
include: "workflow/rules/outputs.smk"
include: "workflow/rules/showing.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/patching.smk"
include: "workflow/rules/effects.smk"


if config["shards"] > 1:

    include: "workflow/rules/shards.smk"


include: "workflow/rules/tracing.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/reporting.smk"
include: "workflow/rules/typesetting.smk"
include: "workflow/rules/publishing.smk"


localrules:
    all,
    figures,
    tables,
    paper,
    verify,


rule all:
    default_target: True
    input:
        rules.paper.input,
        rules.figures.input,
        rules.tables.input,
        CHECKS,


onstart:
    begin_build()


onsuccess:
    end_build()
