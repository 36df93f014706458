# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo test quick units lint sanity docs screenshots molecule attack coverage mutants breakages night bench bench-fleet fleet controllers forecast kinds healthy events formats hosts requirements clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

demo: ## see a stuck client queue reported, flushed and proved empty
	@tests/prepare hosts trixie
	@tests/demo/run

test: ## everything below up to molecule, from nothing on a fresh Debian machine
	@tests/run

quick: ## what finds most, in a minute or two: linters, sanity on one core, unit tests on one Python
	@tests/prepare
	@tests/gates/quick

units: ## unit tests, and whether the code for hosts compiles with every Python that is here
	@tests/prepare
	@tests/gates/units

lint: ## linters, types, licences, documentation
	@tests/prepare
	@tests/gates/lint

sanity: ## ansible-test sanity and units, all on all supported versions of ansible-core and Python that are here
	@tests/prepare
	@tests/gates/sanity

docs: ## the site of the documentation, in .cache/docs/html
	@tests/prepare
	@tests/gates/docs

screenshots: ## the pictures of README.md and docs/, from runs on real hosts
	@tests/prepare hosts
	@tests/demo/screenshots

molecule: ## scenarios on real hosts; SCENARIO=name runs one and keeps its hosts up, HOSTS=prefix names them
	@tests/prepare hosts
	@$(if $(HOSTS),MAILOPS_HOSTS=$(HOSTS)) tests/molecule $(SCENARIO)

attack: ## kills, links, full disks and fuzz against the modules on real hosts; MINUTES=10, SEED=n repeats (tests/attack/README.md)
	@tests/prepare hosts
	@tests/attack/run --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

coverage: ## which lines the unit tests and the modules on the hosts have run, together
	@tests/prepare hosts
	@tests/coverage $(SCENARIO)

mutants: ## how many small changes to the judging floors their unit tests notice (tests/README.md); MUTANTS='--seed 7 causes' or --all
	@tests/prepare mutants
	@tests/mutants/run $(MUTANTS)

breakages: ## break roles, playbooks and filters on purpose: does the test that has to notice fail? (tests/breakages); BREAKAGES='--units remediation'
	@tests/prepare hosts
	@tests/breakages/run $(BREAKAGES)

night: ## a fleet of 40 hosts, half of them with two faults at once, remediated by one playbook; HOSTS=n, SEED=n (tests/night)
	@tests/prepare hosts
	@tests/night/run $(if $(HOSTS),--hosts $(HOSTS)) $(if $(SEED),--seed $(SEED))

bench: ## the figures of docs/ on spools made for it
	@tests/prepare hosts
	@.venv/bin/python tests/benchmark/run
	@tests/hosts/enter .venv/bin/python tests/benchmark/compliance.py

bench-fleet: ## what surveying, checking and remediating a hundred hosts costs
	@tests/prepare hosts
	@tests/hosts/enter .venv/bin/python tests/benchmark/fleet.py

fleet: ## eleven hosts, nine with a fault each, remediated by one playbook (docs/fleet.md)
	@tests/prepare hosts
	@tests/fleet/run

controllers: ## four controllers of which one dies, and a hundred hosts that pull, in one report (docs/fleet.md)
	@tests/prepare hosts
	@tests/hosts/build trixie
	@tests/hosts/enter .venv/bin/python tests/fleet/controllers.py

forecast: ## a queue fed and drained at a known pace, and what the recording rules forecast of it (docs/monitoring.md)
	@tests/prepare hosts
	@tests/hosts/build trixie
	@tests/gates/monitoring
	@tests/hosts/enter .venv/bin/python tests/fleet/forecast.py

kinds: ## the kinds of hosts that the scenarios do not have, one story on each (docs/platforms.md); KIND=suse runs one, KINDS_KEEP=1 leaves it up
	@tests/prepare hosts
	@tests/kinds/run $(KIND)

events: ## ansible-rulebook watches a host, its MTA is killed, and the rulebook fixes it (docs/events.md)
	@tests/prepare events
	@tests/eda/run

healthy: ## fifty and more kinds of healthy host, each diagnosed ten times: every answer has to be healthy (docs/platforms.md)
	@tests/prepare hosts
	@tests/healthy/run --document

formats: ## tools of auditors read the report: SAF, oscap and trestle, which are downloaded (docs/compliance.md)
	@tests/prepare formats
	@tests/formats/run

hosts: ## start a host of each Debian release and one whose Sendmail was built by hand; KIND=suse starts one of `make kinds`, KIND=all each
	@tests/prepare hosts
ifdef KIND
	@tests/kinds/run --up $(filter-out all,$(KIND))
else
	@printf '%s\n' bullseye bookworm trixie | xargs -P 3 -I '{}' tests/hosts/up '{}' 'mailops-{}'
	@tests/hosts/build-upstream && tests/hosts/up upstream mailops-upstream || [ $$? = 77 ]
endif

requirements: ## take the newest versions into tests/requirements.txt
	@tests/prepare
	@{ sed -n 1,2p tests/requirements.in; echo '# Made from requirements.in by `make requirements`.'; \
	   .venv/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --fork-strategy requires-python \
	     --no-header --no-annotate tests/requirements.in; } > tests/requirements.tmp
	@mv tests/requirements.tmp tests/requirements.txt
	@for name in eda formats mutants; do \
	   { sed -n 1,2p "tests/$$name/requirements.in"; echo '# Made from requirements.in by `make requirements`.'; \
	     .venv/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --no-header --no-annotate \
	       $$([ "$$name" != mutants ] || echo --constraint tests/requirements.txt) "tests/$$name/requirements.in"; } > tests/requirements.tmp && \
	   mv tests/requirements.tmp "tests/$$name/requirements.txt" || exit; \
	 done

clean: ## remove hosts, images, caches and .venv
	@[ "$$(id -u)" != 0 ] || tests/hosts/down --all
	@rm -rf .cache .venv .ansible tests/output
