"""The container health check of the HTTP services: exit status 0 if `/health/ready` on the given port says 200."""

import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask once, for at most three seconds."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/health/ready", timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


sys.exit(main())
