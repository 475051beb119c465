#!/usr/bin/env python3
"""Builds all tests, runs them, and tells at the end what took how long and what was skipped.

`make test` calls it when what it needs is installed. Each suite is a process of its own: its time
is its own, and one that crashes takes no other one with it. Those in real time go first, two at a
time, since they mostly wait; those that measure time, or want all of the processor, go alone. No
test gets a second chance.

    run-tests.py [--began SECONDS] [--built] [FILTER...]

    --began SECONDS   when `make test` was called, in seconds since 1970: the rest is "packages"
    --built           what is built is tried as it is
    FILTER            expressions; only suites that one of them is found in are run

The last line is "N passed, N failed, N skipped", where each test is counted once, whatever its
number of cases; the exit status is 0 where nothing failed.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

# In real time.
LIVE = r"LiveTests|RTMPServerTests|ChannelTests|SwitchIOTests.(Reload|Bond|Loop)Tests|" \
       r"SRTGroupTests|BondedSenderTests"
# Of these: what measures how long something takes or stands still, and what paints or encodes.
ALONE = r"ChannelTests|SwitchIOTests.ReloadTests|LiveTests/(Player|Studio|Soak|Resume)Tests"
# These need a libsrt with socket groups, and say so where they are skipped.
GROUPS = r"SRTGroupTests|BondedSenderTests"
# They take longest, and go first, so that none of them is left over at the end.
LONGEST = r"SimulationTests|CommandTests|SwitchIOTests"
# Seconds after which a suite hangs.
PATIENCE = 900
# What a suite took, in seconds: by the clock, and of processors, those of its children included.
Cost = collections.namedtuple("Cost", "clock processors")

Test = collections.namedtuple("Test", "suite name result seconds reason")
Job = collections.namedtuple("Job", "suite tests")


class Product:
    """The program that holds all tests."""

    def __init__(self):
        folder = output("swift", "build", "--show-bin-path").strip()
        self.path = os.path.join(folder, "attaccaPackageTests.xctest")
        self.arguments = [self.path, "--testing-library", "swift-testing"]

    def jobs(self, filters):
        """A job for each suite, and one for what stands beside the suites within a suite."""
        suites = collections.defaultdict(list)
        for line in output(*self.arguments, "--list-tests").splitlines():
            if re.search(r"^\w+\.", line):
                suite, _, name = line.rpartition("/")
                suites[suite].append(name)
        return [Job(suite, len(names)) for suite, names in sorted(suites.items())
                if not filters or any(re.search(each, suite) for each in filters)]

    def environment(self, suite):
        result = dict(os.environ, NO_COLOR="1")
        binary = result.setdefault(
            "ATTACCA_BINARY", os.path.abspath(".build/release/attacca"))
        # The tests run from the debug folder, where attacca-media need not have been linked.
        result.setdefault(
            "ATTACCA_MEDIA", os.path.join(os.path.dirname(binary), "attacca-media"))
        for prefix in (".build/srt", ".build/srt-for-tests"):
            if re.search(GROUPS, suite) and os.path.exists(prefix + "/VERSION"):
                result["LD_LIBRARY_PATH"] = os.path.abspath(prefix + "/lib")
                break
        return result


def used():
    """Processor seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


class Board:
    """What has been found out, and what of it is told at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.steps = []
        self.tests = []
        self.broken = []

    def step(self, name, *words):
        """Runs a step that all others need."""
        begin, before = time.monotonic(), used()
        status = subprocess.run(words, stdin=subprocess.DEVNULL).returncode
        self.steps.append((name, Cost(time.monotonic() - begin, used() - before)))
        if status != 0:
            print(f"{name}: exit status {status}")
            sys.exit(status)

    def run(self, product, job):
        """Runs a suite in a process of its own.

        Who is root lets what is in real time go before what others do on this machine: a sender
        that stands still for want of a processor is a fault that no test has asked for.
        """
        begin = time.monotonic()
        with tempfile.NamedTemporaryFile(mode="r", suffix=".jsonl") as events:
            # Functions only, which end with a bracket: the suites within it have their own jobs.
            words = product.arguments + [
                "--no-parallel", "--filter", "^" + re.escape(job.suite) + r"/[^/]*\)",
                "--event-stream-output-path", events.name]
            if group(job.suite) != "others" and os.geteuid() == 0:
                words = ["nice", "-n", "-15"] + words
            process = subprocess.Popen(
                words, env=product.environment(job.suite), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            alarm = threading.Timer(PATIENCE, process.kill)
            alarm.start()
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            alarm.cancel()
            tests = list(read(events, job.suite))
        self.note(job, process.returncode, tests, said.decode(errors="replace"))
        return Cost(time.monotonic() - begin, usage.ru_utime + usage.ru_stime)

    def note(self, job, status, tests, said):
        with self.lock:
            self.tests += tests
            lines = [line for line in said.splitlines() if not re.search(
                r"^(◇ |↳ (Testing Library|Target Platform))|^. Suite |^. Test run with", line)]
            print("\n".join([f"--- {job.suite}"] + lines), flush=True)
            failed = any(test.result == "failed" for test in tests)
            if status != 0 and not failed or len(tests) != job.tests:
                ended = f"by signal {-status}" if status < 0 else f"with status {status}"
                self.broken.append(
                    f"{job.suite} ended {ended}, {len(tests)} of its {job.tests} tests were run")
                print(self.broken[-1], flush=True)


def read(events, suite):
    """The tests of a suite, out of the events of its process."""
    begins, failures, cancelled = {}, set(), set()
    cases, left = collections.Counter(), collections.Counter()
    for line in events:
        record = json.loads(line) if line.endswith("\n") else {}
        event = record.get("payload", {})
        test, kind = event.get("testID", ""), event.get("kind")
        at = event.get("instant", {}).get("absolute", 0)
        said = " ".join(each["text"] for each in event.get("messages", []))
        # TTests.Suite/name()/File.swift:1:1; suites have no place in a file.
        if record.get("kind") != "event" or not re.search(r"\)/[^/]*:\d+:\d+$", test):
            continue
        name = test.rpartition("/")[0].rpartition("/")[2]
        if kind == "testStarted":
            begins[test] = at
        elif kind == "issueRecorded" and event.get("issue", {}).get("isFailure", True):
            failures.add(test)
        elif kind == "testCancelled":
            cancelled.add(test)
        elif kind == "testCaseStarted":
            cases[test] += 1
        elif kind == "testCaseCancelled":
            left[test] += 1
        elif kind == "testSkipped":
            yield Test(suite, name, "skipped", 0, reason(said))
        elif kind == "testEnded":
            result = "passed"
            if test in failures:
                result = "failed"
            elif test in cancelled or 0 < cases[test] == left[test]:
                result = "skipped"
            yield Test(suite, name, result, at - begins.get(test, at), reason(said))


def reason(said):
    """What was said of a test that was skipped."""
    quoted = re.search(r'"(.*)"', said)
    return quoted.group(1) if quoted else "cancelled, see above"


def group(suite):
    if not re.search(LIVE, suite):
        return "others"
    return "alone" if re.search(ALONE, suite) else "live"


def run_jobs(board, product, jobs):
    """Gives what each suite took."""
    jobs = sorted(jobs, key=lambda job: not re.search(LONGEST, job.suite))
    costs = {}
    for name, workers in (("alone", 1), ("live", 2), ("others", os.cpu_count() or 1)):
        part = [job for job in jobs if group(job.suite) == name]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            part_costs = pool.map(lambda job: board.run(product, job), part)
            try:
                costs.update(zip((job.suite for job in part), part_costs))
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return costs


def tell(board, costs, began):
    """The table, the tests that were skipped or failed, and the last line."""
    rows = [(name, cost, "") for name, cost in board.steps]
    for suite, cost in sorted(costs.items(), key=lambda each: -each[1].clock):
        tests = [test for test in board.tests if test.suite == suite]
        longest = max(tests, key=lambda test: test.seconds, default=None)
        note = f"{len(tests)} tests"
        if longest and longest.seconds > 10 and len(tests) > 1:
            note += f", {longest.name} {longest.seconds:.0f} s"
        rows.append((f"{suite} ({group(suite)})", cost, note))
    rows.append(("in all", Cost(time.time() - began, used()), ""))
    print("\nminutes by the clock, and of processors")
    for name, cost, note in rows:
        print(f"{cost.clock / 60:7.2f} {cost.processors / 60:7.2f}  {name}  {note}".rstrip())
    count = collections.Counter(test.result for test in board.tests)
    reasons = collections.defaultdict(list)
    for test in board.tests:
        if test.result == "skipped":
            reasons[test.reason].append(f"{test.suite}/{test.name}")
    for why, names in sorted(reasons.items()):
        print(f"\nskipped, {len(names)}: {why}")
        print("\n".join("  " + name for name in names))
    failed = [f"{test.suite}/{test.name}" for test in board.tests if test.result == "failed"]
    if failed or board.broken:
        print("\nfailed:\n" + "\n".join("  " + each for each in failed + board.broken))
    wrong = count["failed"] + len(board.broken)
    print(f"\n{count['passed']} passed, {wrong} failed, {count['skipped']} skipped")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--began", type=float)
    parser.add_argument("--built", action="store_true")
    parser.add_argument("filters", nargs="*")
    chosen = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    board = Board()
    began = chosen.began or time.time()
    board.steps.append(("packages", Cost(time.time() - began, 0)))
    if not chosen.built:
        board.step("attacca, for release", "make", "--no-print-directory", "build")
        board.step("libsrt with groups", "make", "--no-print-directory", "groups-for-tests")
        # The programs of the package are not built once more for debugging.
        board.step("tests", "swift", "build", "--product", "attaccaPackageTests")
    product = Product()
    jobs = product.jobs(chosen.filters)
    if not jobs:
        print("no such suite")
        return 2
    begin, before = time.monotonic(), used()
    costs = run_jobs(board, product, jobs)
    board.steps.append(("all tests", Cost(time.monotonic() - begin, used() - before)))
    return tell(board, costs, began)


if __name__ == "__main__":
    sys.exit(main())
