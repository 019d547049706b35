"""``python -m bloodcells``."""

from bloodcells.cli import main

raise SystemExit(main())
