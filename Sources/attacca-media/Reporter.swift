// Says what happens, one line of JSON each, on standard error. Nothing is ever waited for: a line
// that finds no room is lost.

import Glibc
import MediaJobs
import Synchronization

enum Reporter {
    static let packets = Atomic<Int64>(0)
    static let bytes = Atomic<Int64>(0)
    /// Characters of a message.
    private static let mostCharacters = 600

    static func tell(_ event: MediaEvent) {
        guard let line = MediaLine.encode(event) else { return }
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static func remark(_ text: String) { tell(.remark(LibAVLog.clean(text))) }

    static func count(bytes count: Int) {
        packets.add(1, ordering: .relaxed)
        bytes.add(Int64(count), ordering: .relaxed)
    }

    static func beat() {
        tell(.beat(
            packets: packets.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed)))
    }

    /// What may stand in a message of libav's or of a server's: one line, not too long.
    static func shortened(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(mostCharacters) {
            shown.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        while shown.last == " " { shown.removeLast() }
        return shown
    }
}
