# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test fetches from a host of its own, so that ansible-test needs no host but the package index.

Called as `get-pip.py [OPTION...] pip==VERSION [PACKAGE...]` in a virtual environment without pip. What it puts there under the name of pip
passes everything on to uv: an environment is ready in a second instead of ten, and ansible-test makes some sixty of them. tests/gates/sanity
writes into its copies where uv is. Python 3.6 syntax.
"""
import os
import subprocess
import sys
import sysconfig

UV = '@UV@'


def main(arguments):
    """The part of pip's command line that ansible-test uses. Returns the exit status."""
    command, words = arguments[0], [word for word in arguments[1:] if word not in ('--disable-pip-version-check', '-y')]
    if command == '-V':
        print('pip, by uv')
        return 0
    if command == 'wheel':   # of what may have to be built with an older Cython; the Pythons here get all of it ready-made
        return 0
    if command == 'uninstall' and 'pip' in words:
        os.unlink(os.path.join(sysconfig.get_path('purelib'), 'pip', '__main__.py'))
        words.remove('pip')
        if not words:
            return 0
    # As pip does, so that no later import compiles, and warns; uv cannot do it with Python 3.6.
    options = ['--compile-bytecode'] if command == 'install' and sys.version_info >= (3, 7) else []
    return subprocess.call([UV, 'pip', command, '--quiet', '--python', sys.executable] + options + words)


if __name__ == '__main__':
    if os.path.basename(__file__) == '__main__.py':
        sys.exit(main(sys.argv[1:]))
    place = os.path.join(sysconfig.get_path('purelib'), 'pip')
    os.makedirs(place, exist_ok=True)
    with open(__file__) as source, open(os.path.join(place, '__main__.py'), 'w') as target:
        target.write(source.read())
    packages = [word for word in sys.argv[1:] if not word.startswith(('--', 'pip=='))]
    sys.exit(main(['install'] + packages) if packages else 0)
