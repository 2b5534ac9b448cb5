"""The start of meshc.pyz: unpacks what is inside, once, and runs it.

Compiled modules cannot be loaded from a zip file, so that everything is put into the cache of the
user, below a name that only this very file has.
"""

import os
import shutil
import stat
import sys
import sysconfig
import tempfile
import zipfile

# filled in when the file is made
IDENTITY = "@IDENTITY@"
SOABI = "@SOABI@"


def main():
    if sysconfig.get_config_var("SOABI") != SOABI:
        made_for = SOABI.split("-")[1:2]
        sys.exit(
            f"meshc.pyz was made for another Python ({'-'.join(made_for)}, {SOABI}) than this one "
            f"({sys.version.split()[0]}, {sysconfig.get_config_var('SOABI')})"
        )
    place = unpacked()
    sys.path[0] = place
    # the engine and the worker are processes of their own
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [place, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    from meshc.program import run

    run()


def unpacked():
    """The directory; nobody but its owner can have written there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    home = os.path.join(cache, "meshc")
    os.makedirs(home, mode=0o700, exist_ok=True)
    status = os.stat(home)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
        sys.exit(f"others than its owner may write to {home}: meshc runs nothing from there")
    place = os.path.join(home, IDENTITY)
    if not os.path.isdir(place):
        staging = tempfile.mkdtemp(prefix=".new-", dir=home)
        try:
            with zipfile.ZipFile(sys.path[0]) as inside:
                names = [name for name in inside.namelist() if name.startswith("site/")]
                inside.extractall(staging, names)
            try:
                os.rename(os.path.join(staging, "site"), place)
            except OSError:
                if not os.path.isdir(place):  # else another process was first
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return place


main()
