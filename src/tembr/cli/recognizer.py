"""Commands of the recognizer: hear recordings, measure a bundle on a corpus, check a bundle."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import click
import typer

from tembr.cli.app import app
from tembr.cli.options import (
    Bundle,
    Columns,
    CorpusDir,
    CorpusName,
    Emotions,
    Force,
    Outside,
    Quiet,
    Variant,
    Words,
    channel_of,
    columns_of,
    coverage_level,
    emotions_of,
    listed,
    one_channel,
    probability,
)

Threads = Annotated[int | None, typer.Option(help="Recordings heard at once; one a core by default.", min=1)]


@app.command()
def predict(
    paths: Annotated[
        list[str], typer.Argument(metavar="FILE_OR_FOLDER ...", help="Recordings, folders of them, or `-` for stdin.")
    ],
    bundle: Bundle = None,
    variant: Variant = None,
    format: Annotated[
        str | None,
        typer.Option(
            click_type=Words("tembr.recognize.formats:FORMATS"),
            help="text, json (one object a line for each recording) or csv; with --segments also textgrid (Praat), eaf "
            "(ELAN), audacity, rttm, vtt or srt: a file for each recording, in the folder --out. By default what the "
            "name of --out ends in, .csv or .json, else text.",
        ),
    ] = None,
    segments: Annotated[bool, typer.Option("--segments", help="Emotions along the recording, with times.")] = False,
    check_speech: Annotated[
        bool,
        typer.Option(
            "--check-speech/--no-check-speech", help="No answer where nobody speaks, such as in noise or music."
        ),
    ] = True,
    min_confidence: Annotated[
        float,
        typer.Option(
            callback=probability, help="Probability, 0 to 1, below which the answer is `uncertain` (niepewne)."
        ),
    ] = 0.0,
    coverage: Annotated[
        float | None,
        typer.Option(
            callback=coverage_level,
            metavar="0.5-0.99",
            help="Also the emotions that cannot be excluded (`possible`): sets that hold the truth in this share of "
            "recordings, on the average of voices never heard. Not with --segments.",
        ),
    ] = None,
    adapt: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|SPEAKER.json",
            help="Adapt to the speaker first: a folder of their recordings, without labels but of a mixture of "
            "emotions, or what `tembr adapt` wrote.",
        ),
    ] = None,
    channel: Annotated[
        str,
        typer.Option(
            metavar="mix|left|right|each|N",
            callback=channel_of,
            help="Channel to hear: all mixed, one of them (the left one is 1), or each by itself.",
        ),
    ] = "mix",
    threads: Threads = None,
    out: Annotated[
        str | None, typer.Option(help="File for the answers instead of stdout; of annotations a folder.")
    ] = None,
    force: Force = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep answers (csv or json) one by one in OUT.partial, beside --out, as they come. After a crash or a "
            "kill the same command goes on from there: it hears what is left, what failed, and files that changed. "
            "--out appears when all is heard, as without this option; then OUT.partial is removed, or kept where some "
            "failed.",
        ),
    ] = False,
    recursive: Annotated[bool, typer.Option(help="Also recordings in folders of folders.")] = True,
    quiet: Quiet = False,
) -> None:
    """Say which emotion a recording carries: anger, fear, happiness, sadness, surprised or neutral.

    A recording that cannot be read is told on stderr, the others are answered, and the exit status is 1.

    Examples:

    * `tembr predict examples/`
    * `tembr predict call.wav --segments --format json`
    * `tembr predict calls/ --segments --format textgrid --out annotations/`
    """
    from tembr.cli.predicting import Request, answer_all
    from tembr.recognize.annotations import ANNOTATIONS
    from tembr.recognize.formats import BY_SUFFIX

    format = format or BY_SUFFIX.get(Path(out or "").suffix.lower(), "text")
    if format in ANNOTATIONS and not segments:
        raise click.UsageError(f"--format {format} is of segments; add --segments")
    if segments and coverage is not None:
        raise click.UsageError("--coverage is of whole recordings; leave --segments or --coverage out")
    if resume:
        _check_resumable(paths, format, out)
    request = Request(
        tuple(paths),
        format,
        segments,
        check_speech,
        threads,
        out,
        recursive,
        quiet,
        min_confidence,
        adapt,
        channel,
        force,
        coverage,
        resume,
    )
    if answer_all(request, bundle, variant):
        raise typer.Exit(1)


def _check_resumable(paths: list[str], format: str, out: str | None) -> None:
    if out is None:
        raise click.UsageError("--resume needs a file for the answers; name it with --out")
    if format not in ("csv", "json"):
        raise click.UsageError(f"--resume is for --format csv and json, not {format}")
    if "-" in paths:
        raise click.UsageError("--resume cannot hear stdin again; save it to a file first")


@app.command()
def evaluate(
    bundle: Bundle = None,
    variant: Variant = None,
    corpus: CorpusName = "nemo",
    corpus_dir: CorpusDir = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json, tables (CSV) and pictures.")] = None,
    force: Force = False,
    degrade: Annotated[
        list[str] | None,
        typer.Option(
            click_type=Words("tembr.degrade.effects:DEGRADATIONS", listed=True),
            help="Also hear every recording made worse, and say what UAR that costs: phone (300-3,400 Hz, G.711), mp3 "
            "(32 kbit/s), noise (other speakers of the corpus, 10 dB below), room (a small one's echo), "
            "microphone (an equaliser each). Repeatable. Needs the extra degrade.",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            callback=probability, help="Also the share of answers of at least this probability, and their accuracy."
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            callback=coverage_level,
            metavar="0.5-0.99",
            help="Also what sets of emotions that cannot be excluded come to: the share that holds the truth, every "
            "speaker counting alike. Not with --labels.",
        ),
    ] = None,
    adapt: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            help="Adapt to each speaker by K recordings, drawn and without labels, and answer the others without and "
            "with that. Not with --degrade. Needs the extra degrade.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw for --adapt.", min=0)] = 0,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="corpus|LABEL,LABEL,...",
            help="Answer only with the emotions of the corpus, or with these, their probabilities adding up to 1.",
        ),
    ] = None,
    unmapped: Annotated[
        str,
        typer.Option(
            click_type=Words(("error", "drop")), help="Emotions the bundle does not know: error (list them) or drop."
        ),
    ] = "error",
    emotion: Emotions = None,
    column: Columns = None,
    allow_outside: Outside = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Measure a bundle on a corpus: a table, and as the last line of stdout one JSON object.

    UAR and macro-F1 are averages over the emotions that occur in the corpus; answers with others count as errors.

    Examples:

    * `tembr evaluate --bundle BUNDLE --corpus nemo --corpus-dir nEMO`
    * `tembr evaluate --corpus manifest --corpus-dir calls.csv --degrade phone --degrade noise --out robustness`
    * `tembr evaluate --bundle BUNDLE --corpus manifest --corpus-dir calls.csv --adapt 30`
    """
    from tembr.cli import evaluating
    from tembr.degrade.effects import check
    from tembr.outputs import EVALUATION, require_own_files
    from tembr.recognize import adapted
    from tembr.recognize.prediction import check_confidence, threshold_of
    from tembr.recognize.recognizer import load

    if adapt and degrade:
        raise click.UsageError("--adapt and --degrade cannot be combined; run them one after the other")
    if labels and coverage is not None:
        raise click.UsageError("--coverage was calibrated for answers with every emotion; leave --labels out")
    if out:
        require_own_files(out, EVALUATION, force)
    recognizer = load(bundle, variant)
    check_confidence(min_confidence or 0.0, recognizer.labels)
    for adapted_to in (False, True) if adapt else (False,):
        threshold_of(recognizer.facts, coverage, adapted_to)  # before anything is heard
    if adapt:
        adapted.check(recognizer)
    options = {"emotions": emotions_of(emotion), "columns": columns_of(column), "allow_outside": bool(allow_outside)}
    known, among = evaluating.open_corpus(recognizer, corpus, corpus_dir, unmapped, listed(labels), **options)
    overlap = evaluating.trained_on(recognizer, known, threads, quiet)
    worse = list(dict.fromkeys(listed(degrade) or ()))
    for name in worse:
        check(name, known)
    if adapt:
        evaluation = evaluating.adapt(recognizer, known, adapt, seed, threads, quiet, among)
    else:
        evaluation = evaluating.measure(recognizer, known, threads, quiet, labels=among)
    evaluation = replace(evaluation, min_confidence=min_confidence, overlap=overlap)
    if coverage is not None:
        evaluation = evaluating.with_sets(evaluation, recognizer.facts, coverage)
    if worse:
        evaluation = evaluating.degrade(recognizer, known, evaluation, worse, threads, quiet, among)
    if out:
        evaluating.write(evaluation, out)
    evaluating.show(evaluation)


@app.command()
def adapt(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE_OR_FOLDER ...", help="Recordings of one speaker, and folders of them; no labels needed."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File for what was learnt, to give to `tembr predict --adapt`.")],
    force: Force = False,
    bundle: Bundle = None,
    variant: Variant = None,
    channel: Annotated[
        str,
        typer.Option(
            metavar="mix|left|right|N", callback=one_channel, help="Channel the speaker is on; all mixed by default."
        ),
    ] = "mix",
    threads: Threads = None,
) -> None:
    """Learn one speaker's voice from recordings without labels, and keep what was learnt in a small file.

    The more emotions the recordings hold, the more is learnt; from one emotion alone, little. Any number will do; below
    8 little can be learnt. What cannot be heard is told on stderr and left out. The file fits the bundle it was made
    with and no other.

    Examples:

    * `tembr adapt calls/anna --out anna.json --bundle BUNDLE`
    * `tembr adapt monday/anna1.wav tuesday/anna*.wav --out anna.json`
    * `tembr predict new.wav --adapt anna.json --bundle BUNDLE`
    """
    from tembr.cli.predicting import tell
    from tembr.outputs import require_own_file
    from tembr.recognize.recognizer import load

    require_own_file(out, "speaker", force)
    speaker = load(bundle, variant).adapt(paths, threads=threads, on_warning=tell, channel=channel).speaker
    speaker.save(out, force)
    typer.echo(f"{out}: {speaker.name + ', ' if speaker.name else ''}{speaker.recordings} recordings")


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="Folder of a bundle, or default or small.")]) -> None:
    """Check a bundle against its own facts; exit with 1 if anything is wrong."""
    from tembr.recognize.verify import verify as checks

    passed = True
    for check in checks(bundle):
        passed &= check.passed
        typer.echo(f"{'ok   ' if check.passed else 'WRONG'}  {check.subject}: {check.said}")
    sys.stdout.flush()
    if not passed:
        raise typer.Exit(1)
