# SPDX-License-Identifier: MIT
#
# make            build the programs into build/
# make demo       the seed's twelve nodes on kernel WireGuard, live, in a minute or two
# make check      everything that can be checked; ends with "N passed, N failed"
# make lab        every lab scenario; S=name for one
# make lab-debian the packages and the quick start on Debian under systemd, in the lab
# make deps       install what is missing (Debian 12; asks for root only if it must)
# make deb        Debian packages into build/deb
# make install    DESTDIR and PREFIX as usual
# make format     clang-format over the tree
# make fuzz       each fuzz target for FUZZ_SECONDS
# make mutants    netd and the agent without one guard at a time: the suite must notice
# make model      both ends of a pair as a model, killed at random, 100,000 times
# make nightly    all long forms, hours of them, and a table of their figures
# make coverage-netd  branches that the tests of netd take, and how long netd is
# make bench-optimizer  the optimizer against CBC; each bench prints a line a figure
# make bench-netlink    a thousand peers against wg(8), in the lab
# make bench-prober     the prober against fping (ten minutes); B="name..." for some lines
# make bench-collector  the collector under load, against nginx, SQLite and PostgreSQL; B=
#
# PG=0 builds the collector without PostgreSQL (make clean first).
# SAN=1 with ASan and UBSan (into build/san), V=1 shows commands.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
SYSCONFDIR ?= /etc
NETWORKDDIR ?= $(PREFIX)/lib/systemd/networkd.conf.d
DATADIR ?= $(PREFIX)/share/meshopt
PKG_CONFIG ?= pkg-config
FUZZ_SECONDS ?= 10
CPUS ?= $(shell nproc)
CFLAGS ?= -O2 -g

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Werror
HARDEN := -fPIE -fstack-protector-strong -fno-strict-aliasing
override CPPFLAGS += -I. -D_GNU_SOURCE
override CFLAGS += -std=c11 $(WARN) -MMD -MP
ifeq ($(SAN),1)
O := build/san
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
else
O := build
override CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
override CFLAGS += $(HARDEN)
override LDFLAGS += -pie -Wl,-z,relro -Wl,-z,now
endif
override LDFLAGS += -Wl,--as-needed

# libev and libcsv ship no .pc file on Debian; --as-needed drops what a program lacks.
LIBS := -lev -lcsv $(shell $(PKG_CONFIG) --libs libmnl jansson libsodium sqlite3 \
	libmicrohttpd libcurl zlib 2>/dev/null) -lm -lpthread

# PostgreSQL is a store beside SQLite unless PG=0.
PG ?= 1
ifeq ($(PG),0)
NO_PG := collector/store_pg%
else
override CPPFLAGS += -DMESHOPT_PG -isystem $(shell $(PKG_CONFIG) --variable=includedir libpq 2>/dev/null)
LIBS += $(shell $(PKG_CONFIG) --libs libpq 2>/dev/null)
endif

src = $(sort $(wildcard $(addsuffix /*.c,$(1))))
obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
COMMON := $(call src,common)
# Of the agent what `meshopt apply` drives once: all but its loop, its uplink and its plan.
ONCE := $(call src,optimizer/netd) $(wildcard optimizer/agent/core*.c optimizer/agent/way*.c) \
	$(addprefix optimizer/agent/,aim.c asker.c drive.c live.c named.c order.c part.c punch.c word.c)
OPTIMIZER := $(call src,optimizer optimizer/decide optimizer/verify optimizer/apply \
	optimizer/operate) $(ONCE)
PROBER := $(call src,prober)
COLLECTOR := $(filter-out $(NO_PG),$(call src,collector))
AGENT := $(call src,optimizer/agent optimizer/netd optimizer/apply) \
	optimizer/decide/plan.c optimizer/decide/plan_json.c
PROGS := $(O)/meshopt $(O)/meshopt-prober $(O)/meshopt-collector $(O)/meshopt-agent

Q = $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-4s %s\n' $(1) $(2))

# Goals that build ask for the packages first where that is their promise: a fresh
# machine needs only make, and `make` alone never installs anything.
all: $(PROGS)

$(O)/meshopt: $(call obj,$(OPTIMIZER))
$(O)/meshopt-prober: $(call obj,$(PROBER))
$(O)/meshopt-collector: $(call obj,$(COLLECTOR))
$(O)/meshopt-agent: $(call obj,$(AGENT))
$(PROGS): $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/libcommon.a $(LIBS)

$(O)/libcommon.a: $(call obj,$(COMMON))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(O)/obj/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The collector's page: packed here, taken in by the assembler.
PAGE := $(patsubst collector/page/%,$(O)/page/%.gz,$(wildcard collector/page/*))
$(O)/page/%.gz: collector/page/%
	$(Q)mkdir -p $(@D) && gzip -9nc $< >$@
$(O)/obj/collector/api_page.o: $(PAGE)
$(O)/obj/collector/api_page.o: override CFLAGS += -Wa,-I,$(O)/page

# A unit test links common and what its own head says: " * links: prober/window.c".
# A module that needs much to be tested is a design smell, so it is written down.
UNITS := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/test_*.c))
links = $(call obj,$(filter-out $(NO_PG),$(shell sed -n 's/^ \* links: //p' tests/unit/$(notdir $(1)).c)))
define unit_rule
$(1): $(call obj,tests/unit/$(notdir $(1)).c) $(call links,$(1)) $(O)/libcommon.a
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LIBS)
endef
$(foreach u,$(UNITS),$(eval $(call unit_rule,$(u))))
units: $(UNITS)

# The bench: the engine as it ships, under a driver that watches what its windows see.
ENGINE := $(wildcard prober/engine*.c) $(addprefix prober/,method.c pace.c target.c window.c)
BENCH := $(addprefix $(O)/bench/,driver measure tap responder stamp)
$(O)/bench/driver: $(call obj,tests/bench/driver.c $(ENGINE)) $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=window_result \
	    -Wl,--wrap=pinger_queue -Wl,--wrap=pinger_send -o $@ $^ $(LIBS)
$(O)/bench/%: $(O)/obj/tests/bench/%.o $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(O)/bench/load $(O)/bench/insert: $(O)/bench/%: $(O)/obj/tests/bench/%.o \
    $(O)/obj/tests/bench/rows.o $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
bench-prober: $(BENCH) $(O)/meshopt-prober
	@dist/deps.sh build bench
	@tests/bench/prober.sh $(B)
# The tests of the collector's faults need it too.
CROWD := $(addprefix $(O)/bench/,load crowd insert)
crowd: $(CROWD)
bench-collector: $(CROWD) $(O)/meshopt-collector
	@dist/deps.sh build bench
	@tests/bench/collector.sh $(B)

# netd on a line, and the agent, for the lab: with the steps at which they can be killed.
NETD := $(call src,optimizer/netd) $(addprefix optimizer/apply/,preflight.c state.c) \
	$(wildcard optimizer/apply/kernel_*.c)
LABTOOLS := $(addprefix $(O)/lab-tools/,mortal netd-client netlink-bench seal)
STEPS := -Wl,--wrap=fdatasync -Wl,--wrap=kernel_nl_change
$(O)/lab-tools/netlink-bench: $(call obj,tests/lab/netlink_bench.c \
    $(wildcard optimizer/apply/kernel_*.c)) $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
$(O)/lab-tools/netd-client: $(call obj,tests/lab/netd_client.c tests/lab/steps.c $(NETD)) \
    $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) $(STEPS) -o $@ $^ $(LIBS)
$(O)/lab-tools/mortal: $(call obj,tests/lab/mortal.c tests/lab/steps.c $(AGENT)) \
    $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) $(STEPS) -Wl,--wrap=keeper_note \
	    -o $@ $^ $(LIBS)
$(O)/lab-tools/seal: $(call obj,tests/lab/seal.c) $(O)/libcommon.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

lab-tools: $(LABTOOLS)
bench-netlink: $(LABTOOLS)
	@dist/deps.sh build lab
	@tests/lab/run bench-netlink

HDRS := $(filter-out $(NO_PG),$(wildcard common/*.h prober/*.h collector/*.h optimizer/*.h \
	optimizer/*/*.h))
headers: $(HDRS:%=$(O)/hdr/%.ok)
$(O)/hdr/%.h.ok: %.h
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=c11 $(filter-out -MMD -MP,$(WARN)) \
	    -fsyntax-only -x c $< && touch $@

# The optimizer against its goals and against CBC; real matrices from MESHOPT_DATA.
build/bench/generate: tests/bench/generate.c
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lm
bench-optimizer: build/bench/generate $(O)/meshopt
	$(Q)tests/bench/optimizer.sh

# Fuzz targets take the same " * links: " lines; each has a corpus in tests/fuzz/corpus.
# What they share is compiled once, into a room of its own.
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CC := clang -I. -D_GNU_SOURCE -std=c11 -g -O1 -fno-sanitize-recover=all
fuzz_obj = $(patsubst %.c,build/fuzz/obj/%.o,$(1))
fuzz_links = $(call fuzz_obj,$(shell sed -n 's/^ \* links: //p' tests/fuzz/$(notdir $(1)).c))
fuzzers: $(FUZZERS)
build/fuzz/obj/%.o: %.c
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(FUZZ_CC) -MMD -MP -fsanitize=fuzzer-no-link,address,undefined \
	    -c -o $@ $<
build/fuzz/libcommon.a: $(call fuzz_obj,$(COMMON))
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
define fuzz_rule
$(1): $(call fuzz_obj,tests/fuzz/$(notdir $(1)).c) $(call fuzz_links,$(1)) build/fuzz/libcommon.a
	$$(call say,LD,$$@)
	$$(Q)$$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $$@ $$^ -Wl,--as-needed $$(LIBS)
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

# Packages come first, in a make of their own: what they bring is asked for when a
# Makefile is read.
coverage-netd: $(O)/libcommon.a
	@tests/coverage-netd.sh
# Both ends of a pair, killed at random: a hundred thousand schedules.
model: $(O)/unit/test_model
	@MODEL=$${MODEL:-100000} $(O)/unit/test_model
mutants: $(O)/libcommon.a
	@tests/mutants.sh
nightly:
	@dist/deps.sh build lab check
	@$(MAKE) -j$(CPUS) --no-print-directory all units lab-tools
	@tests/nightly
deps:
	dist/deps.sh build lab check
demo:
	@dist/deps.sh build lab
	@$(MAKE) -j$(CPUS) --no-print-directory all
	@tests/lab/run --demo seed
check:
	@dist/deps.sh build lab check
	@$(MAKE) -j$(CPUS) --no-print-directory all units fuzzers crowd lab-tools
	@$(MAKE) -j$(CPUS) --no-print-directory SAN=1 all units
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run
lab:
	@dist/deps.sh build lab
	@$(MAKE) -j$(CPUS) --no-print-directory all lab-tools
	@tests/lab/run $(S)
# On release: some minutes, and root for debootstrap.
lab-debian:
	@dist/deps.sh build lab deb debian
	@$(MAKE) --no-print-directory deb
	@tests/lab/run deb-quickstart
fuzz: fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz
deb:
	@dist/deps.sh build deb
	@dist/deb.sh
format:
	clang-format -i $$(find common prober collector optimizer tests -name '*.[ch]')

MAN1 := $(wildcard */*.1 */*/*.1)
MAN5 := $(wildcard */*.5 */*/*.5)
MAN8 := $(wildcard */*.8 */*/*.8)
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 \
	    $(DESTDIR)$(SYSCONFDIR)/meshopt $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR)
	install -m 0755 build/meshopt $(DESTDIR)$(BINDIR)
	install -m 0755 build/meshopt-prober build/meshopt-collector \
	    build/meshopt-agent $(DESTDIR)$(SBINDIR)
	install -m 0644 $(MAN1) $(DESTDIR)$(MANDIR)/man1
	install -m 0644 $(MAN5) $(DESTDIR)$(MANDIR)/man5
	install -m 0644 $(MAN8) $(DESTDIR)$(MANDIR)/man8
	install -m 0644 dist/completion/meshopt.bash $(DESTDIR)$(BASHDIR)/meshopt
	install -m 0644 dist/completion/_meshopt $(DESTDIR)$(ZSHDIR)
	for unit in dist/systemd/*; do \
	    sed 's|/usr/local/sbin/|$(SBINDIR)/|; s|/usr/local/bin/|$(BINDIR)/|' $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/} && \
	    chmod 0644 $(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	install -d $(DESTDIR)$(NETWORKDDIR) $(DESTDIR)$(DATADIR)/grafana \
	    $(DESTDIR)$(DATADIR)/prometheus
	install -m 0644 dist/networkd/10-meshopt.conf $(DESTDIR)$(NETWORKDDIR)
	install -m 0644 dist/grafana/meshopt.json $(DESTDIR)$(DATADIR)/grafana
	install -m 0644 dist/prometheus/meshopt.rules.yml $(DESTDIR)$(DATADIR)/prometheus

clean:
	rm -rf build

.PHONY: all nightly lab-debian bench-netlink lab-tools model coverage-netd mutants units headers crowd fuzzers bench-optimizer bench-prober bench-collector deps demo check lab fuzz deb format install clean
-include $(shell find $(O) build/fuzz -name '*.d' 2>/dev/null)
