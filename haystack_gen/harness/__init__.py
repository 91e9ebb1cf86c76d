"""What runs inside other people's programs, evaluators and test runners."""
