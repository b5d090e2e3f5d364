"""Make the default bundle again, from recordings to the folder in the package.

uv run --extra train --extra degrade python scripts/make_default_bundle.py CORPORA [OUT]

CORPORA holds the corpora nemo, ravdess, emodb and ased, each in a folder of that name. The recipe of
experiments/default.toml is measured on unseen speakers, on sentences unseen too, on the random split and through what
degrades speech, trained anew on all recordings, exported and verified. Stopped and started again it goes on where it
was: trained networks are kept in the cache, what was measured in OUT (runs/experiments). The bundle in
src/tembr/models/default is replaced only once the new one has been verified.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "src" / "tembr" / "models" / "default"
VERSION = "2.1.0"
MEASURED = {"speaker": "default", "sentence": "sentences", "random": "random"}
MEASURED |= {name: f"default_{name}" for name in ("phone", "mp3", "noise", "room", "microphone")}
"""What the card says → the experiment that found it."""


def tembr(*arguments: object) -> None:
    """Run one command of the package, or stop here with its exit status."""
    print("+ tembr", *arguments, file=sys.stderr)
    status = subprocess.run([sys.executable, "-m", "tembr.cli", *map(str, arguments)]).returncode
    if status:
        sys.exit(status)


def main(corpora: str, out: Path) -> None:
    recipes = [ROOT / "experiments" / f"{name}.toml" for name in MEASURED.values()]
    tembr("experiment", *recipes, "--corpora", corpora, "--out", out, "--jobs", 2)
    measured = [part for one, name in MEASURED.items() for part in ("--measured", f"{one}={out / name}")]
    tembr(
        "ship", recipes[0], "--corpora", corpora, *measured, "--out", BUNDLE,
        "--name", "tembr-default-pl", "--version", VERSION, "--jobs", 2,
    )  # fmt: skip
    tembr("verify", BUNDLE)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) == 3 else "runs/experiments"))
