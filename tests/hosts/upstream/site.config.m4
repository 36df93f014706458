dnl SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
dnl SPDX-License-Identifier: GPL-3.0-or-later
dnl
dnl CDB alone: with Berkeley DB 5 the build asks for flock(2), and what Sendmail itself takes on Linux is fcntl(2) (include/sm/conf.h).
define(`confLIBSEARCHPATH', `/usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib')
define(`confNO_MAN_BUILD', `yes')
APPENDDEF(`confENVDEF', `-DNETINET6')
APPENDDEF(`conf_sendmail_ENVDEF', `-DSTARTTLS')
APPENDDEF(`conf_sendmail_LIBS', `-lssl -lcrypto')
