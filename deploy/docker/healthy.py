"""The container health check of the HTTP services: exit status 0 if `/health/ready` on the given port says 200.

With a certificate the door speaks TLS; here, inside the container, only the answer counts and not who shows it.
"""

import os
import ssl
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask once, for at most three seconds."""
    try:
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        scheme = "https" if os.environ.get("CALLBOARD_HTTP_CERTIFICATE_FILE") else "http"
        url = f"{scheme}://127.0.0.1:{sys.argv[1]}/health/ready"
        with urllib.request.urlopen(url, timeout=3, context=tls) as answer:  # noqa: S310 -- http or https, as written
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


sys.exit(main())
