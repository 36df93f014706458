# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.filter.targets import targets


def test_hosts_within_the_limit():
    assert targets(['a', 'b', 'c'], 'web', ['c', 'a']) == ['a', 'c']


@pytest.mark.parametrize('hosts, limited, words', [([], ['a'], "target 'typo', so nothing was done"), (['b'], ['a'], 'within --limit')])
def test_no_host_is_an_error(hosts, limited, words):
    with pytest.raises(AnsibleFilterError, match=words):
        targets(hosts, 'typo', limited)


# The lookup takes an empty pattern for every host of the inventory.
@pytest.mark.parametrize('pattern', ['', '  ', ',', ' : '])
def test_an_empty_target_is_not_every_host(pattern):
    with pytest.raises(AnsibleFilterError, match='target: .* names no host, so nothing was done'):
        targets(['a', 'b'], pattern, ['a', 'b'])
