# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this checkout importable as ansible_collections.mailops.sendmail, wherever it lies and with or without Ansible.

Under ansible-test the collection is importable already and this does nothing. Python 3.6 syntax: the floors are tested with it.
"""
import importlib
import os
import sys
import types

from hypothesis import HealthCheck, settings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def namespace(name, path):
    module = types.ModuleType(name)
    module.__path__ = [path] if path else []
    sys.modules[name] = module
    parent, _dot, child = name.rpartition('.')
    if parent:
        setattr(sys.modules[parent], child, module)


try:
    importlib.import_module('ansible_collections.mailops.sendmail')
    EXAMPLES = 10  # under ansible-test, which runs everything once for each Python; the search for odd input is the main run's
except ImportError:
    EXAMPLES = 100
    namespace('ansible_collections', None)
    namespace('ansible_collections.mailops', None)
    namespace('ansible_collections.mailops.sendmail', ROOT)

# Where each user has a group of his own, what he makes may be writable for it (pam_umask(8), usergroups).
os.umask(0o022)

# Times vary with what else the machine does; an example that failed is printed so that it can be repeated.
settings.register_profile('collection', max_examples=EXAMPLES, deadline=None, print_blob=True,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('collection')


def pytest_configure(config):
    """Without the process of its own that ansible-test starts for each test: on a small machine that takes longer than the test."""
    forked = config.pluginmanager.get_plugin('ansible_forked')
    if forked:
        config.pluginmanager.unregister(forked)
