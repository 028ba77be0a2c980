"""Running a quantum graph: a walker of integers, executors of workers, a journal on disk, one coordinator."""
