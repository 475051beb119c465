// Who gets the process's descriptors.

import Foundation
import Testing

@testable import SwitchIO

@Suite struct FileDescriptorTests {
    /// A quarter is kept from guests: 64 at least where that is no more than half, 4096 at most.
    @Test(arguments: [
        (1024, 768), (256, 192), (128, 64), (64, 32), (20_000, 15_904), (65_536, 61_440),
        (4096, 3072),
    ])
    func aQuarterIsKeptFromGuests(_ limit: Int, _ ceiling: Int) {
        #expect(FileDescriptors.ceiling(of: limit) == ceiling)
    }

    @Test func theSoftLimitIsRaisedAndGuestsHaveRoom() {
        FileDescriptors.raiseLimit()
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(limit.rlim_cur >= min(limit.rlim_max, 65_536))
        #expect(FileDescriptors.limit >= 256)
        #expect(FileDescriptors.hasRoomForGuests)
        #expect(!FileDescriptors.isForGuests(Int32(clamping: FileDescriptors.limit)))
        #expect(!FileDescriptors.isForGuests(-1))
        #expect(FileDescriptors.share(part: 1, most: 10) == 10)
        #expect(FileDescriptors.share(part: .max, most: 10) == 1)
    }

    /// What a reader of SRT costs: they share the listener's socket.
    @Test func callersOfSRTTakeNoDescriptors() async throws {
        let port = try Studio.freePort()
        var address = SRTAddress(
            mode: .listener, endpoint: HostPort(host: "127.0.0.1", port: port))
        let output = try SRTOutput(address)
        address.mode = .caller
        func descriptors() -> Int {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        }
        func poll(until count: Int) async throws {
            for _ in 0..<500 where output.facts.readers < count {
                output.poll(at: HostClock.now)
                for caller in callers { caller.poll(at: HostClock.now) }
                try await Task.sleep(nanoseconds: 10_000_000)
            }
        }
        var callers: [SRTOutput] = [try SRTOutput(address)]
        try await poll(until: 1)
        // A caller has a socket of its own, which libsrt may share among them.
        let before = descriptors()
        for _ in 0..<10 { callers.append(try SRTOutput(address)) }
        try await poll(until: 11)
        #expect(output.facts.readers == 11)
        #expect(descriptors() - before < 20)
        for caller in callers { caller.close() }
        output.close()
    }
}
