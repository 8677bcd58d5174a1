"""The pages behind pay links, over HTTP."""
