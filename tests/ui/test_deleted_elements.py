"""What a deleted element had is freed at once, and waits for no collection, in which everybody waits."""

import gc
import weakref

from nicegui import Client
from nicegui.element import Element
from nicegui.page import page

from ui import deleted_elements


def test_a_deleted_element_is_freed_without_the_collector() -> None:
    deleted_elements.install()
    client = Client(page(""))
    with client, Element("div") as around:
        element = Element("div")
    parts = [weakref.ref(each) for each in (element, element._classes, element._style, element._props)]
    gc.disable()
    try:
        around.clear()
        del element
        client.outbox.updates.clear()  # as when they are sent
        assert [part() for part in parts] == [None] * 4
    finally:
        gc.enable()
