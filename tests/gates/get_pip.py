# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test fetches from a host of its own, so that ansible-test needs no host but the package index.

Called as `get-pip.py [OPTION...] pip==VERSION [PACKAGE...]` in a virtual environment without pip. tests/gates/sanity writes into its copies
where uv is. Python 3.6 syntax.
"""
import subprocess
import sys

packages = [word for word in sys.argv[1:] if not word.startswith('--')]
sys.exit(subprocess.call(['@UV@', 'pip', 'install', '--quiet', '--python', sys.executable] + packages))
