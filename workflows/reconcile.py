"""Later facts of a charge that has ended: reads its operations at the gateways again, and books what has changed since."""


def workflow_id(charge_id: str) -> str:
    """Name the process that looks for later facts about a charge."""
    return f"reconcile/{charge_id}"
