"""The command ``kaggle-utils``: run | score | diary | push | wheels | rehearse.

Each sub-command is one module with ``add_<name>_arguments(parser)`` and ``run_<name>(args) -> exit
code``, imported only when it is the one that is wanted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import kaggle_utils
from kaggle_utils.platform.parameters import single_settings

# name: (module, what it does)
COMMANDS = {
    "run": ("kaggle_utils.commands.run", "run a competition's notebooks, on your data or on the built-in sample"),
    "score": ("kaggle_utils.commands.score", "score a table of predictions exactly as the competition does"),
    "diary": ("kaggle_utils.commands.diary", "show the experiments as tables or a page, and home score against leaderboard"),
    "push": ("kaggle_utils.commands.push", "push notebooks to Kaggle, wait for them, submit"),
    "wheels": ("kaggle_utils.commands.wheels", "build the dataset of wheels for offline notebooks"),
    "rehearse": ("kaggle_utils.commands.rehearse", "run a notebook at home as Kaggle would run it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command; returns its exit code.

    A mistake of the user's (ValueError, a missing file, a failed notebook) is one line on stderr and
    exit code 1; any other exception passes through.
    """
    sys.path.append(os.getcwd())  # modules of one's own, as Python itself finds them
    arguments = list(single_settings(sys.argv[1:] if arguments is None else arguments))
    parser = argparse.ArgumentParser(prog="kaggle-utils", description="A kit for image competitions on Kaggle.")
    parser.add_argument("--version", action="version", version=kaggle_utils.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    for name, (module, what) in COMMANDS.items():
        sub = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == chosen:
            getattr(import_module(module), f"add_{name}_arguments")(sub)
    args, rest = parser.parse_known_args(arguments)
    if rest and not hasattr(args, "rest"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    run = getattr(import_module(COMMANDS[args.command][0]), f"run_{args.command}")
    try:
        return run(args)
    except (ValueError, FileNotFoundError, kaggle_utils.KitError) as error:
        print(f"kaggle-utils {args.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
