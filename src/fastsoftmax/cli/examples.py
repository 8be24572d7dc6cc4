"""Examples of every command, which its --help shows and docs/command-line.md explains, and the exit codes."""

EXAMPLES = {
    "demo": ["fastsoftmax demo", "fastsoftmax demo --out digits --force"],
    "fit": [
        "fastsoftmax fit train.csv --target species",
        "fastsoftmax fit train.csv --target species --cv 5 --Cs 0.01,0.1,1,10",
        "fastsoftmax fit train.csv --target species --validation 0.2 --Cs 10",
        "fastsoftmax fit train.csv --target species --l1 0.01 --class-weight balanced",
        "fastsoftmax fit claims.csv --target claims --family poisson --out claims.st",
        "fastsoftmax fit 'data/*.parquet' --target label",
    ],
    "cv": [
        "fastsoftmax cv train.csv --target species",
        "fastsoftmax cv train.csv --target species --l1-ratios 0,0.5,1 --plot cv.png",
    ],
    "path": [
        "fastsoftmax path train.csv --target species --plot path.png",
        "fastsoftmax path train.csv --target species --Cs 30 --validation 0.2",
    ],
    "evaluate": [
        "fastsoftmax evaluate model.safetensors test.csv --target species",
        "fastsoftmax evaluate model.safetensors test.csv --target species --plot e.png",
    ],
    "compare": ["fastsoftmax compare model.safetensors other.st test.csv --target species"],
    "predict": [
        "fastsoftmax predict model.safetensors new.csv --out predictions.csv",
        "fastsoftmax predict model.safetensors new.csv --top 3",
        "fastsoftmax predict model.safetensors new.csv --columns labels | sort | uniq -c",
    ],
    "show": ["fastsoftmax show model.safetensors", "fastsoftmax show model.safetensors --class setosa --top 20"],
    "export": [
        "fastsoftmax export model.safetensors --format onnx --out model.onnx",
        "fastsoftmax export model.safetensors --format sql --table flowers --out model.sql",
    ],
    "config": ["fastsoftmax config --json"],
}

CODES = (
    "[bold]Exit codes[/]: 0 done; 1 an error, which is named; 2 wrong usage; 3 a fit that has not converged, whose "
    "model is written; 130 Ctrl-C."
)


def epilog(command: str) -> str:
    """Return what the help of a command ends with."""
    return "\n\n".join(["[bold]Examples[/]", *(line.replace("[", r"\[") for line in EXAMPLES[command]), CODES])
