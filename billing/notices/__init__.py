"""What customers of an unpaid invoice are told: facts, templates and the message that comes of them. Pure: nothing here sends."""
