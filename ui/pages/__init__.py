"""The pages, one file each: load, then draw; no SQL."""


def declare_pages() -> None:
    """Declare every page of the product to NiceGUI."""
    from ui.pages import console, dashboard, demo_mode, settings

    for module in (console, dashboard, demo_mode, settings):
        module.declare()
