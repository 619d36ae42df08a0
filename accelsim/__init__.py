"""accelsim: where should the parameters of a multi-task network live on an edge chip?"""

__version__ = "0.1.0"
