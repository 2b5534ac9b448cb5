"""meshc.pyz: meshc and all that it needs in one file, for machines with the same Python.

    ./dev zipapp                          dist/meshc.pyz
    python release/zipapp.py FILE         the same, elsewhere

The same sources and requirements make the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name


def make(target: Path, level: int = 6) -> None:
    """Writes the file, executable; `level` is zlib's, 0 to 9."""
    from meshc.deploy.bundle import bundle

    packed = bundle()
    if packed.strange:
        sys.exit(f"{packed.strange} cannot be packed: its files are not recorded here")
    files = {**packed.required, **packed.own}
    contents = {name: path.read_bytes() for name, path in sorted(files.items())}
    digest = hashlib.sha256(packed.soabi.encode())
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    start = (HERE / "zipapp_main.py").read_text("utf-8")
    start = start.replace("@IDENTITY@", f"{packed.version}-{digest.hexdigest()[:16]}")
    start = start.replace("@SOABI@", packed.soabi)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    with new.open("wb") as out:
        out.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as into:
            into.writestr(zipfile.ZipInfo("__main__.py", _LONG_AGO), start)
            for name, content in contents.items():
                entry = zipfile.ZipInfo(f"site/{name}", _LONG_AGO)
                entry.compress_type = zipfile.ZIP_DEFLATED
                into.writestr(entry, content)
    new.chmod(0o755)
    os.replace(new, target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]))
