"""Why it does not help to do again what has failed, beside the button that would."""

from core.diagnosis.again import Again, again_after_check
from ui.components.base.box import keep_ticking, text
from ui.service_checks import service_checks


def draw_again(again: Again) -> None:
    """Draw the sentence, as the last look at its service leaves it; nothing where nothing speaks against it."""
    if not again.sentence:
        return
    sentence = text(again.sentence, "warned again", tag="p")

    async def look() -> None:
        check = await service_checks.now(again.service)
        if not sentence.is_deleted:
            sentence.set_text(again_after_check(again, check).sentence)

    if again.service:
        keep_ticking(sentence, look)
