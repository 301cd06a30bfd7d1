"""Components without a subject: boxes, buttons, dialogs, forms, times, tables."""
