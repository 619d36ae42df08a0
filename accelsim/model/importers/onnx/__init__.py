"""ONNX files as layer graphs: read (``file``), recognised (``kinds``), placed (``placer``)."""
