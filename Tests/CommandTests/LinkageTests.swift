// What the programs are linked with. libavformat brings a libsrt of its own, and two of them in one
// process crash: so all of libav stands in a program of its own.

import Foundation
import Testing

@Suite struct LinkageTests {
    private func libraries(of program: String) throws -> [String] {
        let outcome = try Command.run("ldd", [program])
        #expect(outcome.status == 0)
        return outcome.output.split(separator: "\n").compactMap { line in
            line.split(separator: " ").first?.trimmingCharacters(in: .whitespaces)
        }
    }

    @Test func oneLibsrtIsLinkedAndNoLibrariesThatDecode() throws {
        let names = try libraries(of: try Binary.found.get())
        #expect(names.filter { $0.contains("libsrt") } == ["libsrt.so.1.5"], "\(names)")
        for other in ["libavformat", "libavcodec", "libavutil", "libgnutls"] {
            #expect(!names.contains { $0.contains(other) }, "\(names)")
        }
    }

    @Test func theMediaProcessHasLibavAndNotTheLibsrtOfLinks() throws {
        let names = try libraries(of: try Binary.found.get() + "-media")
        #expect(names.contains { $0.hasPrefix("libavformat.so") }, "\(names)")
        #expect(!names.contains("libsrt.so.1.5"), "\(names)")
    }
}
