"""``kaggle-utils push``: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_utils.platform.parameters import add_set_argument
from kaggle_utils.platform.push.metadata import ACCELERATORS
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import push
from kaggle_utils.platform.push.walk import planned, push_all


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`run_push` reads."""
    add = parser.add_argument
    add("name", help="a kernel (COMPETITION-2-train), or with --all a competition or the kernel to begin with")
    add("--all", action="store_true", help="walk the chain: push, wait, fetch, next stage")
    add("--check", action="store_true", help="only check metadata, parameters and options; needs no account")
    add("--owner", help="Kaggle account; default: KAGGLE_USERNAME, then the kaggle client's credentials")
    add("--accelerator", metavar="X", help=f"machine in place of the declared one: {', '.join(ACCELERATORS)}, none")
    add_set_argument(parser, "override the notebook's parameters, fold=0..4 pushes a kernel per fold")
    add("--wait", action="store_true", help="wait for the end; then the outputs, or the end of the log")
    add("--files", metavar="REGEX", help="fetch only outputs whose names match")
    add("--submit", action="store_true", help="wait, then submit the finished version to the competition")
    add("--message", default="", help="description of the submission")
    add("--resume", action="store_true", help="go on with the last push of this kernel instead of pushing again")
    add("--kernels", type=Path, metavar="DIR", help="folder of kernels; default: kernels")
    add("--poll", type=float, default=5.0, metavar="SECONDS", help="first pause between looks, grows to a minute")


def run_push(args: argparse.Namespace) -> int:
    """Does what the arguments say; 0, or 130 when it was stopped from the keyboard.

    Raises ValueError and KaggleFailure as :func:`push` does.
    """
    try:
        if args.check:
            _check(args)
        else:
            (push_all if args.all else push)(args.name, _order(args))
    except KeyboardInterrupt:
        return 130
    return 0


def _check(args: argparse.Namespace) -> None:
    for step in planned(args.name, _order(args), whole=args.all):
        for stamp in step.stamps:
            machine = stamp.accelerator or step.content.get("machine_shape", "none")
            name = stamp.kernel(step.found.name).partition("/")[2]
            print(f"{name}: {'CPU' if machine == 'none' else machine}, {step.content['code_file']}")


def _order(args: argparse.Namespace) -> Order:
    return Order(
        owner=args.owner,
        accelerator=args.accelerator,
        overrides=args.set,
        wait=args.wait,
        files=args.files,
        submit=args.submit,
        message=args.message,
        resume=args.resume,
        kernels=args.kernels,
        poll_s=args.poll,
        report=print,
        progress=True,
    )
