# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The steps of `make test`, in the order in which they begin, and what comes before what. tests/run makes them, some at a time.

# Those that take long come first, the scenarios that are not named last.
gates := lint docs units monitoring sanity
hosts := sendmail_queue_runner remediate sendmail_mta diagnosis ensure_submission queue_flush events commands
scenarios := $(filter-out default $(hosts),$(patsubst extensions/molecule/%/molecule.yml,%,$(wildcard extensions/molecule/*/molecule.yml)))
steps := prepare images $(gates) $(hosts) $(scenarios) demo attack

.PHONY: all list $(steps)
all: $(steps)
list: ; @echo $(steps)
# Packages and .venv stand before everything, the images before all that runs on hosts. Failed steps leave out those that need them.
$(filter-out prepare,$(steps)): prepare
$(hosts) $(scenarios) demo attack: images
$(steps): ; @tests/step $@
