"""``kaggle-utils push``: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from kaggle_utils.platform.kernels.metadata import ACCELERATORS
from kaggle_utils.platform.parameters import add_set_argument
from kaggle_utils.platform.push.order import Order
from kaggle_utils.platform.push.push import planned, push
from kaggle_utils.platform.signals import signals_as_exits


def add_push_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`run_push` reads."""
    add = parser.add_argument
    add("name", help="a kernel (COMPETITION-2-train), or with --all a competition or the kernel to begin with")
    add("--all", action="store_true", help="walk the chain: push, wait, fetch, next stage")
    add("--check", action="store_true", help="only check metadata, parameters and options; needs no account")
    add("--owner", help="Kaggle account; default: KAGGLE_USERNAME, then the kaggle client's credentials")
    add("--accelerator", metavar="X", help=f"machine in place of the declared one: {', '.join(ACCELERATORS)}, none")
    add_set_argument(parser, "override the notebook's parameters; fold=0..4 and member=unet,fpn push a kernel each")
    add("--wait", action="store_true", help="wait for the end; then the outputs, or the end of the log")
    add("--files", metavar="REGEX", help="fetch only outputs whose names match")
    add("--submit", action="store_true", help="wait, then submit the finished version to the competition")
    add("--message", default="", help="description of the submission")
    add("--again", action="store_true", help="send, and submit, also what Kaggle has already")
    add("--no-run", action="store_true", help="only save it")
    add("--kernels", type=Path, metavar="DIR", help="folder of kernels; default: kernels")
    add("--poll", type=float, default=5.0, metavar="SECONDS", help="first pause between looks, grows to a minute")


def run_push(args: argparse.Namespace) -> int:
    """Does what the arguments say; 0, or 130 when it was stopped from the keyboard.

    A SIGTERM or a closed terminal stops it as Ctrl-C does: what is being sent is sent before.

    Raises ValueError and KaggleFailure as :func:`push` does.
    """
    try:
        if args.check:
            _check(args)
        else:
            with signals_as_exits():
                push(args.name, _order(args), whole=args.all)
    except KeyboardInterrupt:
        return 130
    return 0


def _check(args: argparse.Namespace) -> None:
    for step in planned(args.name, _order(args), whole=args.all):
        for kernel in step.kernels:
            machine = kernel.content.get("machine_shape", "CPU")
            print(f"{kernel.kernel.partition('/')[2]}: {machine}, {step.content['code_file']}")


def _order(args: argparse.Namespace) -> Order:
    return Order(
        owner=args.owner,
        accelerator=args.accelerator,
        overrides=args.set,
        wait=args.wait,
        files=args.files,
        submit=args.submit,
        message=args.message,
        again=args.again,
        run=not args.no_run,
        kernels=args.kernels,
        poll_s=args.poll,
        report=print,
        progress=True,
    )
