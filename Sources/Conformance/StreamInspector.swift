// The checker: reads a transport stream of any origin and says what is wrong with it. It knows the
// standards (ISO/IEC 13818-1, ETSI TR 101 290) and the laws that a switcher's output keeps, and
// nothing of the switcher.
//
//   let report = { var i = StreamInspector(); i.inspect(bytes.span); return i.finish() }()
//
// The report is the same whatever pieces the bytes come in. Memory does not grow with the stream.

import TransportStream

/// Inspects one transport stream, piece by piece.
public struct StreamInspector: Sendable {
    private var framing = PacketFraming(gathers: true)
    private var judge: TransportJudge
    private var bytes: Int64 = 0

    public init(options: InspectionOptions = InspectionOptions()) {
        judge = TransportJudge(options: options)
    }

    /// Takes the next bytes of the stream, as many as there are.
    public mutating func inspect(_ piece: Span<UInt8>) {
        bytes &+= Int64(piece.count)
        var start = 0
        while start < piece.count {
            let end = min(start + SizeLimit.piece, piece.count)
            StreamInspector.frame(piece.extracting(start..<end), &framing, &judge)
            start = end
        }
    }

    /// The stream is over: judges what was still waiting and gives the report. Nothing may be
    /// inspected afterwards.
    public mutating func finish() -> ConformanceReport {
        // An empty piece makes the framing let go of what it has given, so that its buffer begins
        // at its position.
        StreamInspector.frame([UInt8]().span, &framing, &judge)
        StreamInspector.frameRest(framing.position, &framing, &judge)
        var report = judge.finish()
        report.bytes = bytes
        report.garbageBytes = framing.skippedBytes
        report.packetSize = judge.spacing
        return report
    }

    private static func frame(
        _ piece: Span<UInt8>, _ framing: inout PacketFraming, _ judge: inout TransportJudge
    ) {
        // The framing's buffer begins with what it had not given away.
        let base = framing.position
        framing.append(piece) { buffer, first, count, spacing in
            judge.take(
                buffer, first: first, count: count, spacing: spacing,
                byteOffset: base + Int64(first))
        }
    }

    private static func frameRest(
        _ base: Int64, _ framing: inout PacketFraming, _ judge: inout TransportJudge
    ) {
        framing.finish { buffer, first, count, spacing in
            judge.take(
                buffer, first: first, count: count, spacing: spacing,
                byteOffset: base + Int64(first))
        }
    }
}
