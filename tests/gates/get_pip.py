# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test fetches from a host of its own.

Called as `get-pip.py [OPTION...] pip==VERSION [PACKAGE...]` in a virtual environment without pip. Python brings a pip along; with
that one the packages come from the package index, so that ansible-test needs no other host and works behind a mirror.
"""
import subprocess
import sys

# A process of its own: ensurepip makes pip forget its configuration.
subprocess.check_call([sys.executable, '-m', 'ensurepip'])
arguments = [a for a in sys.argv[1:] if a not in ('--no-setuptools', '--no-wheel')]
sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install'] + arguments))
