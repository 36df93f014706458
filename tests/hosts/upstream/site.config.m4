dnl SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
dnl SPDX-License-Identifier: GPL-3.0-or-later
dnl
dnl CDB alone for 8.17: with Berkeley DB 5 the build asks for flock(2), which 8.18 has here, and what Sendmail itself takes on Linux
dnl is fcntl(2) (include/sm/conf.h).
define(`confLIBSEARCHPATH', `/usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib')
define(`confNO_MAN_BUILD', `yes')
APPENDDEF(`confENVDEF', `-DNETINET6')
APPENDDEF(`conf_sendmail_ENVDEF', `-DSTARTTLS')
APPENDDEF(`conf_sendmail_LIBS', `-lssl -lcrypto')
