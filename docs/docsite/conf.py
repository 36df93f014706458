# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Sphinx for `make docs`. Its source is a copy of the checkout with the output of antsibull-docs in reference/ (see
tests/gates/docs), so a link between two pages is right here when it is right on the forge."""

from __future__ import annotations

from docutils import nodes

project = 'mailops.sendmail'
author = 'The mailops.sendmail contributors'
html_title = 'mailops.sendmail'

extensions = ['myst_parser', 'sphinx_antsibull_ext']
include_patterns = ['index.rst', 'docs/*.md', 'roles/*/README.md', 'extensions/eda/*.md', 'CONTRIBUTING.md', 'reference/**']
# No page lists these; the index of the collection does the same in fewer clicks.
exclude_patterns = ['reference/environment_variables.rst']
myst_heading_anchors = 3  # the anchors of the forge

html_theme = 'furo'
html_theme_options = {'navigation_with_keys': True}
html_static_path = ['static']
html_css_files = ['site.css']
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
smartquotes = False  # commands are copied from these pages
pygments_style = 'default'
pygments_dark_style = 'monokai'
default_role = 'any'

# What the reference of Ansible itself is called there. Nothing is fetched to find out, so every other unknown reference stays an error.
ANSIBLE = 'https://docs.ansible.com/ansible/latest/'
ELSEWHERE = {
    'ansible_collections.ansible.builtin.debug_module': 'collections/ansible/builtin/debug_module.html',
    'ansible_collections.ansible.builtin.service_facts_module': 'collections/ansible/builtin/service_facts_module.html',
    'action_plugins': 'plugins/action.html',
    'common_return_values': 'reference_appendices/common_return_values.html',
}


def elsewhere(app, env, node, content):
    if node['reftarget'] in ELSEWHERE:
        return nodes.reference('', '', content, internal=False, refuri=ANSIBLE + ELSEWHERE[node['reftarget']])
    return None


def setup(app):
    app.connect('missing-reference', elsewhere)
