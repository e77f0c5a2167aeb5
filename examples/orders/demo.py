"""kgen's main job from start to end, on a broker and a registry that live as long as the demo.

Run it with `make demo`, or `python examples/orders/demo.py [--orders N] [--folder DIR]`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import kgen.dev
from kgen.dev import Dev
from kgen_runtime.errors import KgenError

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

from acts import first, second, shipments
from acts.paths import HERE
from backstage.project import Project, Stuck


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 where everything adds up."""
    options = _options(arguments)
    try:
        with kgen.dev.up() as dev:
            return 0 if _play(dev, options.folder, options.orders) else 1
    except (Stuck, KgenError) as e:
        sys.stderr.write(f"\nThe demo failed: {e}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 130


def _play(dev: Dev, folder: Path, orders: int) -> bool:
    """Both acts on orders, and the one on shipments; whether the totals balance at the end of each."""
    project = Project(HERE, folder, dev)
    registered = first.open_shop(dev)
    writer, books = first.play(dev, project, registered, orders)
    return (
        books.balanced
        and second.play(dev, project, writer, books)
        and shipments.play(dev, project, registered, orders // 10)
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000, metavar="N", help="how many orders (20000)")
    folder = HERE.parents[1] / ".demo" / "orders"
    parser.add_argument("--folder", type=Path, default=folder, metavar="DIR", help="where the project goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
