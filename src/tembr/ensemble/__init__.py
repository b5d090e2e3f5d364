"""Members of a study joined: found, weighted by a search that sees nothing they were trained on, measured.

ensemble = run_ensemble("runs/nemo", EnsembleSettings(members=("melspectrogram", "mfcc")))
ensemble.comparison; ensemble.table("weights")
"""

from tembr.extras import needed

with needed("tembr.ensemble", "train"):
    from tembr.ensemble.folder import EnsembleFacts, EnsembleFolder
    from tembr.ensemble.run import run_ensemble
    from tembr.ensemble.settings import EnsembleSettings

__all__ = ["EnsembleFacts", "EnsembleFolder", "EnsembleSettings", "run_ensemble"]
