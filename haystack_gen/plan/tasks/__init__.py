"""The families of questions, one small file each."""
