"""Make the default bundle again, from recordings to the folder in the package.

uv run --extra train python scripts/make_default_bundle.py CORPUS_DIR [OUT]

Study, ensemble, networks trained anew on all recordings, export with verification and quantisation: some hours on two
cores. Stopped and started again it goes on where it was. What lies in OUT (runs/default) is kept; the bundle in
src/tembr/models/default is replaced only once the new one has been verified.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "src" / "tembr" / "models" / "default"


def tembr(*arguments: object) -> None:
    """Run one command of the package, or stop here with its exit status."""
    print("+ tembr", *arguments, file=sys.stderr)
    status = subprocess.run([sys.executable, "-m", "tembr.cli", *map(str, arguments)]).returncode
    if status:
        sys.exit(status)


def main(corpus_dir: str, out: Path) -> None:
    config = ROOT / "scripts" / "default_bundle.toml"
    tembr("study", "--config", config, "--corpus", "nemo", "--corpus-dir", corpus_dir, "--out", out)
    tembr("ensemble", "--study", out, "--refit", "--ship", "speaker")
    tembr(
        "export", "--ensemble", out / "ensemble", "--out", BUNDLE, "--corpus-dir", corpus_dir,
        "--name", "tembr-default-pl", "--quantize", "static", "--only-default",
    )  # fmt: skip
    tembr("verify", BUNDLE)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) == 3 else "runs/default"))
