# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which published rules ask for the fact that a control judges. For the controller: nothing of this goes to a host.

Ids, titles and CCI of STIG rules are as in DISA's XCCDF files of the releases named here; those of CIS as in the control files of ComplianceAsCode. A control
without a row is asked for by no rule that is known here, and a row whose control does not exist is not used. A rule stands here only where it asks for the
same fact: rules about access control lists, groups of files and Postfix's own settings do not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

AIX = 'IBM AIX 7.x STIG V3R1'
SPARC = 'Solaris 10 SPARC STIG V2R3'
X86 = 'Solaris 10 X86 STIG V2R3'
SOL11 = 'Solaris 11 X86 STIG V3R1'
RHEL8 = 'RHEL 8 STIG V1R13'
RHEL9 = 'RHEL 9 STIG V2R4'
OL8 = 'Oracle Linux 8 STIG V2R3'
OL9 = 'Oracle Linux 9 STIG V1R1'
ALMA9 = 'AlmaLinux OS 9 STIG V1R2'


class Rule(NamedTuple):
    benchmark: str
    id: str          # of the group (V-) in a STIG, the number of the recommendation in a CIS benchmark
    rule: str        # SV-, empty outside of a STIG
    version: str     # what DISA calls the STIG id
    cci: str
    title: str


RULES: dict[str, tuple[Rule, ...]] = {
    'SMQ-PRG-02': (
        Rule(AIX, 'V-215414', 'SV-215414r991589_rule', 'AIX7-00-003116', 'CCI-000366',
             'The sendmail server must have the debug feature disabled on AIX systems.'),
        Rule(SPARC, 'V-220049', 'SV-220049r603265_rule', 'GEN004600', 'CCI-000366', 'The SMTP service must be an up-to-date version.'),
        Rule(X86, 'V-220102', 'SV-220102r603266_rule', 'GEN004600', 'CCI-000366', 'The SMTP service must be an up-to-date version.'),
        Rule(SPARC, 'V-220050', 'SV-220050r603265_rule', 'GEN004620', 'CCI-000366', 'The Sendmail server must have the debug feature disabled.'),
        Rule(X86, 'V-220103', 'SV-220103r603266_rule', 'GEN004620', 'CCI-000366', 'The Sendmail server must have the debug feature disabled.'),
    ),
    'SMQ-PRG-05': (
        Rule(AIX, 'V-215353', 'SV-215353r958478_rule', 'AIX7-00-003047', 'CCI-000381',
             'If sendmail is not required on AIX, the sendmail service must be disabled.'),
        Rule(RHEL8, 'V-230489', 'SV-230489r627750_rule', 'RHEL-08-040002', 'CCI-000381', 'RHEL 8 must not have the sendmail package installed.'),
        Rule(RHEL9, 'V-257827', 'SV-257827r1044892_rule', 'RHEL-09-215020', 'CCI-000381', 'RHEL 9 must not have the sendmail package installed.'),
        Rule(OL8, 'V-248825', 'SV-248825r958478_rule', 'OL08-00-040002', 'CCI-000381', 'OL 8 must not have the sendmail package installed.'),
        Rule(OL9, 'V-271466', 'SV-271466r1091110_rule', 'OL09-00-000150', 'CCI-000381', 'OL 9 must not have the sendmail package installed.'),
        Rule(ALMA9, 'V-269336', 'SV-269336r1050218_rule', 'ALMA-09-028950', 'CCI-000381', 'AlmaLinux OS 9 must not have the sendmail package installed.'),
    ),
    'SMQ-MTA-04': (
        Rule('CIS Debian 12 Benchmark 1.1.0', '2.1.21', '', '', '', 'Ensure mail transfer agent is configured for local-only mode'),
        Rule('CIS Debian 13 Benchmark 1.0.0', '2.1.22', '', '', '', 'Ensure mail transfer agents are configured for local-only mode'),
        Rule('CIS Ubuntu 22.04 LTS Benchmark 2.0.0', '2.1.21', '', '', '', 'Ensure mail transfer agent is configured for local-only mode'),
        Rule('CIS Ubuntu 24.04 LTS Benchmark 1.0.0', '2.1.21', '', '', '', 'Ensure mail transfer agent is configured for local-only mode'),
        Rule('CIS Red Hat Enterprise Linux 8 Benchmark 4.0.0', '2.1.23', '', '', '', 'Ensure mail transfer agents are configured for local-only mode'),
        Rule('CIS Red Hat Enterprise Linux 9 Benchmark 2.0.0', '2.1.21', '', '', '', 'Ensure mail transfer agents are configured for local-only mode'),
        Rule('CIS Red Hat Enterprise Linux 10 Benchmark 1.0.1', '2.1.21', '', '', '', 'Ensure mail transfer agents are configured for local-only mode'),
        Rule('CIS AlmaLinux OS 9 Benchmark 2.0.0', '2.1.21', '', '', '', 'Ensure mail transfer agents are configured for local-only mode'),
    ),
    'SMQ-POL-01': (
        Rule(AIX, 'V-215415', 'SV-215415r991589_rule', 'AIX7-00-003117', 'CCI-000366',
             'SMTP service must not have the EXPN or VRFY features active on AIX systems.'),
        Rule(SPARC, 'V-226941', 'SV-226941r603265_rule', 'GEN004660', 'CCI-000366', 'The SMTP service must not have the EXPN feature active.'),
        Rule(X86, 'V-227848', 'SV-227848r603266_rule', 'GEN004660', 'CCI-000366', 'The SMTP service must not have the EXPN feature active.'),
        Rule(SPARC, 'V-226942', 'SV-226942r603265_rule', 'GEN004680', 'CCI-000366', 'The SMTP service must not have the VRFY feature active.'),
        Rule(X86, 'V-227849', 'SV-227849r603266_rule', 'GEN004680', 'CCI-000366', 'The SMTP service must not have the VRFY feature active.'),
    ),
    'SMQ-POL-03': (
        Rule(SPARC, 'V-226944', 'SV-226944r603265_rule', 'GEN004710', 'CCI-000366', 'Mail relaying must be restricted.'),
        Rule(X86, 'V-227851', 'SV-227851r603266_rule', 'GEN004710', 'CCI-000366', 'Mail relaying must be restricted.'),
    ),
    'SMQ-POL-04': (
        Rule(AIX, 'V-215344', 'SV-215344r991589_rule', 'AIX7-00-003038', 'CCI-000366',
             'AIX sendmail logging must not be set to less than nine in the sendmail.cf file.'),
        Rule(SPARC, 'V-226936', 'SV-226936r603265_rule', 'GEN004440', 'CCI-000366',
             'Sendmail logging must not be set to less than nine in the sendmail.cf file.'),
        Rule(X86, 'V-227843', 'SV-227843r603266_rule', 'GEN004440', 'CCI-000366',
             'Sendmail logging must not be set to less than nine in the sendmail.cf file.'),
    ),
    'SMQ-POL-05': (
        Rule(AIX, 'V-215412', 'SV-215412r991589_rule', 'AIX7-00-003114', 'CCI-000366',
             'If the AIX host is running an SMTP service, the SMTP greeting must not provide version information.'),
        Rule(SPARC, 'V-220047', 'SV-220047r603265_rule', 'GEN004560', 'CCI-000366', 'The SMTP services SMTP greeting must not provide version information.'),
        Rule(X86, 'V-220100', 'SV-220100r603266_rule', 'GEN004560', 'CCI-000366', 'The SMTP services SMTP greeting must not provide version information.'),
    ),
    'SMQ-POL-06': (
        Rule(AIX, 'V-215417', 'SV-215417r991589_rule', 'AIX7-00-003122', 'CCI-000366', 'The SMTP service HELP command must not be enabled on AIX.'),
        Rule(SPARC, 'V-220046', 'SV-220046r603265_rule', 'GEN004540', 'CCI-000366', 'The SMTP service HELP command must not be enabled.'),
        Rule(X86, 'V-220099', 'SV-220099r603266_rule', 'GEN004540', 'CCI-000366', 'The SMTP service HELP command must not be enabled.'),
    ),
    'SMQ-POL-07': (
        Rule(AIX, 'V-215413', 'SV-215413r991589_rule', 'AIX7-00-003115', 'CCI-000366', 'AIX must contain no .forward files.'),
        Rule(SOL11, 'V-216196', 'SV-216196r959010_rule', 'SOL-11.1-070170', 'CCI-000366', 'The system must not allow users to configure .forward files.'),
        Rule(SPARC, 'V-220048', 'SV-220048r603265_rule', 'GEN004580', 'CCI-000366', 'The system must not use .forward files.'),
        Rule(X86, 'V-220101', 'SV-220101r603266_rule', 'GEN004580', 'CCI-000366', 'The system must not use .forward files.'),
    ),
    'SMQ-ALI-01': (
        Rule(SPARC, 'V-220051', 'SV-220051r603265_rule', 'GEN004640', 'CCI-000381', 'The SMTP service must not have a uudecode alias active.'),
        Rule(X86, 'V-220104', 'SV-220104r603266_rule', 'GEN004640', 'CCI-000381', 'The SMTP service must not have a uudecode alias active.'),
    ),
    'SMQ-ALI-02': (
        Rule(SPARC, 'V-226933', 'SV-226933r854436_rule', 'GEN004400', 'CCI-002165',
             'Files executed through a mail aliases file must be owned by root and must reside within a directory owned and writable only by root.'),
        Rule(X86, 'V-227840', 'SV-227840r854503_rule', 'GEN004400', 'CCI-002165',
             'Files executed through a mail aliases file must be owned by root and must reside within a directory owned and writable only by root.'),
    ),
    'SMQ-ALI-03': (
        Rule(SPARC, 'V-226930', 'SV-226930r858547_rule', 'GEN004360', 'CCI-002195', 'The alias file must be owned by root.'),
        Rule(X86, 'V-227837', 'SV-227837r858555_rule', 'GEN004360', 'CCI-002195', 'The alias file must be owned by root.'),
        Rule(SPARC, 'V-226931', 'SV-226931r858549_rule', 'GEN004380', 'CCI-002195', 'The alias file must have mode 0644 or less permissive.'),
        Rule(X86, 'V-227838', 'SV-227838r858557_rule', 'GEN004380', 'CCI-002195', 'The alias file must have mode 0644 or less permissive.'),
    ),
    'SMQ-ALI-05': (
        Rule(RHEL8, 'V-230389', 'SV-230389r627750_rule', 'RHEL-08-030030', 'CCI-000139',
             'The RHEL 8 Information System Security Officer (ISSO) and System Administrator (SA) (at a minimum) must have mail aliases to be '
             'notified of an audit processing failure.'),
        Rule(RHEL9, 'V-257953', 'SV-257953r958424_rule', 'RHEL-09-252060', 'CCI-000139',
             'RHEL 9 must forward mail from postmaster to the root account using a postfix alias.'),
        Rule(RHEL9, 'V-258174', 'SV-258174r958424_rule', 'RHEL-09-653125', 'CCI-000139',
             'RHEL 9 must have mail aliases to notify the information system security officer (ISSO) and system administrator (SA) (at a '
             'minimum) in the event of an audit processing failure.'),
        Rule(OL8, 'V-248725', 'SV-248725r958424_rule', 'OL08-00-030030', 'CCI-000139',
             'The OL 8 Information System Security Officer (ISSO) and System Administrator (SA) (at a minimum) must have mail aliases to be '
             'notified of an audit processing failure.'),
        Rule(OL9, 'V-271589', 'SV-271589r1091479_rule', 'OL09-00-000815', 'CCI-000139',
             'OL 9 must forward mail from postmaster to the root account using a postfix alias.'),
        Rule(OL9, 'V-271744', 'SV-271744r1091944_rule', 'OL09-00-002405', 'CCI-000139',
             'OL 9 must have mail aliases to notify the information system security officer (ISSO) and system administrator (SA) (at a minimum) '
             'in the event of an audit processing failure.'),
        Rule(ALMA9, 'V-269524', 'SV-269524r1050407_rule', 'ALMA-09-053920', 'CCI-000139',
             'AlmaLinux OS 9 must have mail aliases to notify the information system security officer (ISSO) and system administrator (SA) (at '
             'a minimum) in the event of an audit processing failure.'),
    ),
    'SMQ-LOG-01': (
        Rule(SPARC, 'V-226937', 'SV-226937r603265_rule', 'GEN004460', 'CCI-000169',
             'The system syslog service must log informational and more severe SMTP service messages.'),
        Rule(X86, 'V-227844', 'SV-227844r603266_rule', 'GEN004460', 'CCI-000169',
             'The system syslog service must log informational and more severe SMTP service messages.'),
        Rule(SPARC, 'V-226938', 'SV-226938r854437_rule', 'GEN004480', 'CCI-002165', 'The SMTP service log file must be owned by root.'),
        Rule(X86, 'V-227845', 'SV-227845r854504_rule', 'GEN004480', 'CCI-002165', 'The SMTP service log file must be owned by root.'),
        Rule(SPARC, 'V-226939', 'SV-226939r854438_rule', 'GEN004500', 'CCI-002165', 'The SMTP service log file must have mode 0644 or less permissive.'),
        Rule(X86, 'V-227846', 'SV-227846r854505_rule', 'GEN004500', 'CCI-002165', 'The SMTP service log file must have mode 0644 or less permissive.'),
    ),
}

# The control of NIST SP 800-53 Revision 5 that DISA's CCI list (2022-03-09) gives for a CCI.
NIST = {'CCI-000139': 'AU-5 a', 'CCI-000169': 'AU-12 a', 'CCI-000366': 'CM-6 b', 'CCI-000381': 'CM-7 a', 'CCI-002165': 'AC-3 (4)', 'CCI-002195': 'AC-4 (8) (a)'}


def of(control: str) -> dict[str, list[Any]]:
    """{rules, cci, nist} of a control, each empty where nothing was published: what the report has in these columns."""
    rules = RULES.get(control, ())
    cci = sorted({one.cci for one in rules if one.cci})
    return {'rules': [one._asdict() for one in rules], 'cci': cci, 'nist': sorted({NIST[one] for one in cci})}
