// What `record:` has written beside a recording, as far as packaging asks for it.

import Foundation
import Packaging
import TransportStream

enum RecordingSidecar {
    private struct Document: Decodable {
        struct Place: Decodable {
            var time: String
            var pts: Int64
        }
        var begin: String
        var firstPTS: Int64
        var gaps: [Place]
    }

    /// When a recording's units went out; nil where nothing beside it says so.
    static func clock(of recording: String) -> RecordingClock? {
        guard recording.hasSuffix(".ts") else { return nil }
        let url = URL(fileURLWithPath: recording.dropLast(3) + ".json")
        guard let data = try? Data(contentsOf: url),
            let document = try? JSONDecoder().decode(Document.self, from: data),
            let begin = place(document.begin, document.firstPTS)
        else { return nil }
        return RecordingClock(
            begin: begin, breaks: document.gaps.compactMap { place($0.time, $0.pts) })
    }

    private static func place(_ time: String, _ ticks: Int64) -> RecordingClock.Place? {
        CivilTime.nanoseconds(time).map {
            RecordingClock.Place(presentation: Timestamp(wrapping: ticks), wallClock: $0)
        }
    }
}
