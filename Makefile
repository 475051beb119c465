# Everything that a fresh Debian 12 machine with a Swift toolchain needs:
#   make run        build, put a channel on the air between two feeders, cut one off again and again
#   make rehearse   the same in virtual time, with a report on every seam
#   make test   build and run all tests, and tell what took how long
#   make soak   half an hour on the air with a fault every few seconds
#   make fuzz   half an hour of mutated recordings and scripts of chance in virtual time
#   make bench  what a packet costs (see README.md)
#   make bench-air  what channels on the air cost
#   make libsrt-bonding   libsrt with socket groups, in .build/srt (see README.md)

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := ffmpeg libsrt-openssl-dev pkg-config srt-tools libavformat-dev libavcodec-dev \
	libavfilter-dev libswscale-dev libswresample-dev
# Senders and receivers of others that the tests use.
TEST_PACKAGES := multicat iproute2 openssl python3 gstreamer1.0-tools gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-base-apps mediainfo vlc-bin vlc-plugin-base \
	obs-studio xvfb libgl1-mesa-dri chromium
TEST_TOOLS := multicat ip openssl python3 gst-discoverer-1.0 mediainfo cvlc obs Xvfb chromium
BINARY = .build/release/attacca
OUT := out
S := SampleStreams

.PHONY: run rehearse test soak fuzz bench bench-air build packages test-packages libsrt-bonding \
	groups-for-tests streams clean

# libsrt is what SRT links are made of, libav what the media process is; ffmpeg is what the tests decode
# with, and like srt-tools a sender and receiver of others. They are installed only where they are
# missing.
packages:
	@command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null && \
		command -v srt-live-transmit >/dev/null && \
		pkg-config --exists srt libavformat libavfilter libswscale 2>/dev/null || \
		{ $(SUDO) apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(PACKAGES); }

# `exit` ends the subshell only: one missing tool, and all are installed.
test-packages: packages
	@( for tool in $(TEST_TOOLS); do command -v $$tool >/dev/null || exit 1; done && \
		gst-inspect-1.0 tsparse >/dev/null 2>&1 && gst-inspect-1.0 rtpmp2tpay >/dev/null 2>&1 ) || \
		{ $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		  $(SUDO) apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES); }

build: packages
	swift build -c release --product attacca
	swift build -c release --product attacca-media

# Debian's libsrt has no socket groups. This is Debian's source of the version that is installed,
# with them; SRT_SOURCE=VERSION takes another one, and is not for the air where it lacks mendings.
libsrt-bonding: packages
	@sh Sources/CSRT/libsrt-bonding.sh .build/srt $(SRT_SOURCE)

# For the tests, which send from loopback to loopback only, any version will do.
groups-for-tests: packages
	@test -f .build/srt/VERSION || \
		sh Sources/CSRT/libsrt-bonding.sh .build/srt-for-tests newest || \
		echo "no libsrt with socket groups: their tests are skipped"

# Two encoders over SRT, the main one cut off for 4 s after each 10 s; ends by itself.
run: build
	@mkdir -p $(OUT)
	@$(BINARY) feed --loop $(S)/h264-main.ts 'srt://127.0.0.1:9001' --outage 10s:4s 2>/dev/null & \
	main=$$!; \
	$(BINARY) feed --loop $(S)/h264-backup.ts 'srt://127.0.0.1:9002' 2>/dev/null & \
	backup=$$!; \
	trap 'kill $$main $$backup 2>/dev/null' EXIT; \
	timeout 32 $(BINARY) run -i main=srt://127.0.0.1:9001?mode=listener \
		-i backup=srt://127.0.0.1:9002?mode=listener --return 3s -o $(OUT)/attacca.ts || \
		test $$? = 124
	$(BINARY) check $(OUT)/attacca.ts
	@echo "the stream is in $(OUT)/attacca.ts"

# The same in virtual time, with a report on every seam.
rehearse: build
	@mkdir -p $(OUT)
	$(BINARY) rehearse --input main=$(S)/h264-main.ts --input backup=$(S)/h264-backup.ts \
		--event 9s:drop:main --event 10s:restore:main --event 11s:switch:main \
		--event 26s:loss:main:2%:7 --output $(OUT)/attacca.ts --report $(OUT)/attacca.json
	@echo "the stream is in $(OUT)/attacca.ts, the report in $(OUT)/attacca.json"

# Tests/run-tests.py tells which suites run in real time, and at the end what took how long and what
# was skipped. ONLY='LiveTests|LawTests' runs some of the suites.
ONLY :=
test:
	@began=$$(date +%s); $(MAKE) --no-print-directory test-packages && \
		exec python3 Tests/run-tests.py --began "$$began" $(if $(ONLY),'$(ONLY)')

# Half an hour with a fault every few seconds: no law may break, nothing may leak. The same for one
# minute is part of the tests. SEED=2 makes other faults.
MINUTES := 30
SEED := 1
soak: test-packages build
	@mkdir -p $(OUT)
	swift build --build-tests
	ATTACCA_BINARY=$(CURDIR)/$(BINARY) ATTACCA_SOAK_MINUTES=$(MINUTES) ATTACCA_SOAK_SEED=$(SEED) \
		ATTACCA_SOAK_FOLDER=$(CURDIR)/$(OUT) swift test --skip-build --filter SoakTests

# Mutants of SampleStreams and of ../shared/samples/ts through the engine, JOBS= of them at a time:
# no trap, no hang, nothing without bound, no broken law. What is found is kept in out/fuzz. A short
# run is part of the tests.
fuzz: build
	$(BINARY) fuzz --time $(MINUTES)m --first-seed $(SEED) $(if $(JOBS),--jobs $(JOBS)) \
		--findings $(OUT)/fuzz

# Two inputs of about 1 GB each out of one short encode, played through the engine. Then, by
# valgrind, what twice as many packets allocate more.
BENCH := .build/bench
bench: packages build
	@mkdir -p $(BENCH)
	@test -f $(BENCH)/main.ts || { \
		ffmpeg -v error -y -f lavfi -i testsrc2=s=1280x720:r=25,noise=alls=20:allf=t \
			-f lavfi -i sine=r=48000 -t 12 -c:v libx264 -preset ultrafast -bf 2 -g 50 \
			-b:v 12M -maxrate 12M -bufsize 12M -c:a aac $(BENCH)/short.ts; \
		ffmpeg -v error -y -stream_loop 55 -i $(BENCH)/short.ts -c copy \
			-output_ts_offset 100 -muxrate 14M $(BENCH)/backup.ts; \
		ffmpeg -v error -y -stream_loop 55 -i $(BENCH)/short.ts -c copy $(BENCH)/main.ts; }
	$(BINARY) bench engine $(BENCH)/main.ts $(BENCH)/backup.ts
	@bash -c 'TIMEFORMAT="ffmpeg -c copy, one of the two inputs: %U + %S CPU seconds"; \
		time ffmpeg -v error -nostdin -y -i $(BENCH)/main.ts -c copy -f mpegts /dev/null'
	@command -v valgrind >/dev/null || { $(SUDO) apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq valgrind; }
	@strip -o $(BENCH)/attacca $(BINARY) # valgrind stumbles over what debuggers are told
	@for packets in 60000 120000; do \
		for name in main backup; do \
			head -c $$((packets * 188)) $(BENCH)/$$name.ts > $(BENCH)/$$name-part.ts; done; \
		valgrind --undef-value-errors=no $(BENCH)/attacca rehearse --quiet --output /dev/null \
			--input main=$(BENCH)/main-part.ts --input backup=$(BENCH)/backup-part.ts 2>&1 | \
			sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' | tr -d ,; \
	done | paste -s | awk 'NF != 2 { exit 1 } { \
		printf "allocations: %.4f per packet in the steady state\n", ($$2 - $$1) / 120000 }'

# One channel and forty, each with two UDP inputs of 10 Mbit/s and one UDP output; beside them, in the
# same minute, forty relays of one input each by multicat. All on this machine: senders and receivers
# take their share of it.
bench-air: test-packages build
	@mkdir -p $(BENCH)
	@test -f $(BENCH)/air.ts || ffmpeg -v error -y \
		-f lavfi -i testsrc2=s=1280x720:r=25,noise=alls=20:allf=t -f lavfi -i sine=r=48000 -t 40 \
		-c:v libx264 -preset ultrafast -bf 2 -g 50 -b:v 9M -maxrate 9M -minrate 9M -bufsize 4M \
		-x264-params nal-hrd=cbr -c:a aac -muxrate 10M $(BENCH)/air.ts
	@for channels in 1 40; do \
		$(BINARY) bench air $(BENCH)/air.ts --channels $$channels 2>/dev/null; done
	@echo "with a burst of 5 ms:"
	@$(BINARY) bench air $(BENCH)/air.ts --burst 5ms 2>/dev/null
	@echo "multicat, which relays one input and switches nothing:"
	@$(BINARY) bench air $(BENCH)/air.ts --channels 40 \
		--instead "multicat -u -U @127.0.0.1:%m 127.0.0.1:%o" 2>/dev/null

# Makes the sample streams again; they are part of the repository.
streams: packages
	cd $(S) && sh make-streams.sh

clean:
	rm -rf .build $(OUT)
