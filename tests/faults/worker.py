"""`main.py worker` with the kinds of the fault tests."""

from tests.faults import kinds

if __name__ == "__main__":
    kinds.install()

    import main

    main.main()
