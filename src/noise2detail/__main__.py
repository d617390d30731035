"""``python -m noise2detail`` is ``n2d``, whichever ``n2d`` a PATH leads to: for the nodes of a cluster."""

from noise2detail.cli.main import main

if __name__ == "__main__":
    main()
