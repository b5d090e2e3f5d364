"""An ensemble as one ONNX file, verified against PyTorch, smaller where that is measured to be safe.

facts = export_bundle(EnsembleFolder.read("runs/nemo/ensemble"), "bundle", ExportSettings(quantize="static"))
"""

from tembr.extras import needed

with needed("tembr.export", "train"):
    from tembr.ensemble.folder import EnsembleFolder
    from tembr.export.bundling import export_bundle
    from tembr.export.member import read_member_folder
    from tembr.export.settings import ExportSettings

__all__ = ["EnsembleFolder", "ExportSettings", "export_bundle", "read_member_folder"]
