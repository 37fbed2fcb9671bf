"""From result files to the chapter's tables, numbers and terminal output."""
