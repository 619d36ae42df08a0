"""Who evaluates the points of a study: processes of this machine, or a Dask cluster."""
