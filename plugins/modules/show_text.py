#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: show_text
short_description: Print text as it is
version_added: 1.0.0
description:
  - Prints text on the terminal of the controller with its line breaks, where M(ansible.builtin.debug) prints a value as JSON.
  - Characters that are not printable are shown as C(?).
options:
  text:
    description: The text.
    type: str
    required: true
extends_documentation_fragment:
  - mailops.sendmail.attributes
attributes:
  check_mode:
    support: full
    details:
      - Prints the same.
  diff_mode:
    support: none
    details:
      - Nothing is changed.
  idempotent:
    support: full
    details:
      - Nothing is changed.
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Say hello
  mailops.sendmail.show_text:
    text: |
      Hello,
      world.
"""

RETURN = r""" # """
