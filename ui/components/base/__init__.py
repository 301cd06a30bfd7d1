"""Parts that know no subject: boxes, buttons, dialogs, forms, times, tables."""
