"""The schema of a workload: models, tasks, cases, requests."""
