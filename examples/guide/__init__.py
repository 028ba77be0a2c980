"""The tasks of docs/making_a_pipelinetask.md, from the simplest on: one module per section."""
