# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what Python compiles out of zip files, as it does for all other files.

Ansible sends a module as a zip file, and Python compiles its hundred kilobytes of module_utils again in each task: 0.1 of the 0.2
seconds of processor time that a task costs on a host of Molecule. Python reads this when root starts it. tests/molecule asks
tests/hosts/up to mount it and a directory for the bytecode; the demo, the benchmarks and the measurement of coverage go without.
"""
import _imp
import marshal
import os
import zipimport
from importlib._bootstrap_external import _RAW_MAGIC_NUMBER as MAGIC  # that of importlib.util, which takes as long to import as all of this saves

CACHE = '/var/cache/zip-bytecode'
compile_source = zipimport._compile_source


def cached(path, source):
    """The code object of a source, kept under the version of the bytecode, the hash of Python's own hash-based files (PEP 552) and its place in the zip."""
    inner = path.partition('.zip/')[2].replace('/', '.')
    at = '%s/%x-%s-%s' % (CACHE, MAGIC, _imp.source_hash(MAGIC, source).hex(), inner)
    try:
        with open(at, 'rb') as stream:
            return marshal.loads(stream.read())
    except (OSError, EOFError, ValueError, TypeError):
        pass   # it was not compiled before, or not written whole
    code = compile_source(path, source)
    try:
        with open('%s.%d' % (at, os.getpid()), 'wb') as stream:
            stream.write(marshal.dumps(code))
        os.rename(stream.name, at)
    except OSError:
        pass
    return code


if os.path.isdir(CACHE):
    zipimport._compile_source = cached
