"""What we depend on may be used as we use it."""

import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from deploy import locks

# Own licences that we have read. PayPal's asks of those who distribute its software what we do not do: it is in
# tests only, and in no image.
READ_BY_US = {"paypal-server-sdk": "PayPal SDK licence"}
# Libraries under the LGPL are imported unchanged and can be exchanged by whoever runs this, as it asks for.
ALLOWED = {
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "ISC",
    "PSF-2.0",
    "MPL-2.0",
    "LGPL-3.0-only",
    "Public Domain",
    *READ_BY_US.values(),
}
HEADINGS = {"License :: OSI Approved", "License :: DFSG approved"}
"""A classifier that names no licence, beside the one that does."""
# What packages say in older words, in the field `License` or as a classifier.
OTHER_WORDS = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


@pytest.mark.parametrize("name", sorted(locks.blocks(locks.SOURCE.read_text())))
def test_every_locked_package_has_an_allowed_licence(name: str) -> None:
    """No package comes in whose licence nobody has looked at."""
    try:
        found = licences(name)
    except PackageNotFoundError:
        pytest.skip("not for this platform")
    assert found, f"{name} states no licence: read it, then add it to READ_BY_US"
    assert found <= ALLOWED, f"{name} is under {', '.join(sorted(found - ALLOWED))}"


def licences(name: str) -> set[str]:
    """Return the licences that all apply, or from which one may choose, in SPDX's words where it has them."""
    metadata = distribution(name).metadata
    expressions = metadata.get_all("License-Expression") or []
    classified = [
        text.rsplit(" :: ", 1)[1]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and text not in HEADINGS
    ]
    if expressions:
        words = [word for text in expressions for word in re.split(r" AND | OR ", re.sub(r"[()]", "", text))]
    else:
        words = classified or metadata.get_all("License") or [READ_BY_US.get(name, "")]
    return {OTHER_WORDS.get(word, word) for word in words if word}
