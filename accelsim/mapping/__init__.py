"""From a layer graph and a machine to programs of tasks."""
