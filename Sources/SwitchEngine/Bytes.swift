// The module's one unsafe corner: bulk copies, which spans can not do yet. Bounds are checked here,
// once per copy; a violation is a mistake of ours.

enum Bytes {
    /// Copies `source[start ..< start + count]` over `target[offset...]`.
    @inline(__always)
    static func copy(
        _ source: Span<UInt8>, from start: Int, count: Int, to target: inout [UInt8], at offset: Int
    ) {
        precondition(start >= 0 && count >= 0 && start &+ count <= source.count)
        precondition(offset >= 0 && offset &+ count <= target.count)
        guard count > 0 else { return }
        source.withUnsafeBytes { from in
            target.withUnsafeMutableBytes { to in
                guard let from = from.baseAddress, let to = to.baseAddress else { return }
                (to + offset).copyMemory(from: from + start, byteCount: count)
            }
        }
    }

    /// Appends `source[start ..< start + count]` to `target`.
    @inline(__always)
    static func append(_ source: [UInt8], from start: Int, count: Int, to target: inout [UInt8]) {
        precondition(start >= 0 && count >= 0 && start &+ count <= source.count)
        let piece = source.span.extracting(start..<(start + count))
        piece.withUnsafeBytes { target.append(contentsOf: $0) }
    }
}
