"""The part of VLMEvalKit that an exported dataset meets, in our words: its interface at e8e78f0, without its models."""
