"""What VLMEvalKit has no better place for."""
