"""Whether a program of ours says that it is well."""

import urllib.error
import urllib.request


def answers_ok(address: str) -> bool:
    """Ask the address of a health check; False where nothing answers, or not with 200."""
    # No proxy of the environment stands between us and this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.HTTPError, OSError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        return False
