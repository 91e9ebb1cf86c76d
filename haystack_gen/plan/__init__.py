"""Pure planning: facts and a seed become timelines, questions and answers. No files, no clock, no global state."""
