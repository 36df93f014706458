# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This fragment is PRIVATE to the collection and may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    # What every module of the collection says of itself; each adds its own "support" where it is not the same for all.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Predicts the result in check mode without changing anything on the host.
  diff_mode:
    description: Says what was changed, or in check mode what would be, when Ansible asks for differences.
  idempotent:
    description:
      - A second run with the same options changes nothing, provided that nothing else changed the host in between.
  platform:
    description: Systems that the module can be run on.
    support: full
    platforms: posix
  action_group:
    description: Use C(group/mailops.sendmail.sendmail) in C(module_defaults) to set defaults for all modules of the collection.
    support: full
    membership:
      - mailops.sendmail.sendmail
"""

    # For a module that only looks.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
    details:
      - The module changes nothing.
"""

    # For a module that only looks and returns facts.
    FACTS_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
    details:
      - The module changes nothing.
  facts:
    description: Returns C(ansible_facts), which become facts of the host.
    support: full
"""
