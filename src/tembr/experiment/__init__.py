"""Studies: any members under any protocols on a target corpus, measured and compared.

>>> from tembr.experiment import Study            # doctest: +SKIP
>>> Study.read("runs/demo").table                 # doctest: +SKIP
"""

from tembr.experiment.study import Study

__all__ = ["Study"]
