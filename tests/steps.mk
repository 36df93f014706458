# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The steps of `make test`, in the order in which they begin, and what comes before what. tests/run makes them, some at a time.

# Those that take long come first, so that no core is idle at the end, and the scenarios that are not named last.
gates := lint docs units monitoring sanity
hosts := remediate sendmail_queue_runner sendmail_mta diagnosis ensure_submission upstream attack commands queue_flush sendmail_msp events
scenarios := $(filter-out default $(hosts),$(patsubst extensions/molecule/%/molecule.yml,%,$(wildcard extensions/molecule/*/molecule.yml)))
steps := prepare images $(gates) $(hosts) $(scenarios) demo

.PHONY: all list $(steps)
all: $(steps)
list: ; @echo $(steps)
# Packages and .venv stand before everything, the images before all that runs on hosts. Failed steps leave out those that need them.
$(filter-out prepare,$(steps)): prepare
$(hosts) $(scenarios) demo: images
$(steps): ; @tests/step $@
