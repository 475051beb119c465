// What the program is linked with. libavformat would bring a second libsrt into the process, and
// two of them crash.

import Foundation
import Testing

@Suite struct LinkageTests {
    @Test func oneLibsrtIsLinkedAndNoLibrariesThatDecode() throws {
        let outcome = try Command.run("ldd", [try Binary.found.get()])
        #expect(outcome.status == 0)
        let names = outcome.output.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first?.trimmingCharacters(in: .whitespaces)
        }
        #expect(names.filter { $0.contains("libsrt") } == ["libsrt.so.1.5"], "\(names)")
        let others = ["libavformat", "libavcodec", "libavutil", "libgnutls"]
        #expect(!others.contains { other in outcome.output.contains(other) }, "\(names)")
    }
}
