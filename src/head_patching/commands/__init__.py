"""The subcommands of `head-patching`, one module each.

A module holds the options and the work of one subcommand and imports what is slow
inside the function. The workflow takes the modules that it imports, inside functions
too, as the code of the rule that calls it.
"""
