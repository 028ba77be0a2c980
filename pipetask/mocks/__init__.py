"""Mock pipelines: every task replaced by one that checks its inputs and writes placeholders, or fails."""
