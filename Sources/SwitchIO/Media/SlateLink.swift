// A slate that is made to fit: it looks at the first seconds that its channel sends, has a media
// process encode the still or the clip like them, and is then a recording that is looped. Until
// that is done it brings nothing, and the channel does what it does without a slate.

import CSockets
import Glibc
import MediaJobs
import SwitchEngine

final class SlateLink: Link {
    /// What is looked at of the stream: a random access picture is at its begin.
    private static let sampleNanoseconds: Int64 = 6_000_000_000
    private static let longestSampleBytes = 16 << 20
    /// A slate is no longer than some minutes at a rate for a still.
    private static let longestSlateBytes = 256 << 20
    /// After a slate that could not be made another try is of no use sooner, 30 s.
    private static let tryPause: Int64 = 30_000_000_000

    private enum State {
        /// Nothing of the channel has been seen, or not enough.
        case watching(sample: [UInt8], since: MonotonicInstant?)
        case making(Making)
        case playing(FileLink)
        case resting(until: MonotonicInstant)
        case closed
    }

    private struct Making {
        var process: MediaProcess
        var sample: ReplayQueue
        /// Where the slate is written: in memory only.
        var descriptor: Int32
        var bytes = 0
    }

    let isRTP = false
    private let picture: String
    private var state = State.watching(sample: [], since: nil)
    private var own = LinkFacts()

    init(_ picture: String) throws(IOFailure) {
        self.picture = picture
        _ = try MediaBinary.find()
        guard access(picture, R_OK) == 0 else { throw .system("'\(picture)'") }
    }

    deinit { close() }

    var facts: LinkFacts { if case .playing(let file) = state { file.facts } else { own } }

    var isWatching: Bool { if case .watching = state { true } else { false } }

    /// What the channel sends.
    func watch(_ packets: Span<UInt8>) {
        guard case .watching(var sample, let since) = state,
            sample.count + packets.count <= SlateLink.longestSampleBytes
        else { return }
        // One owner of the bytes, or each piece would copy them all.
        state = .closed
        packets.withUnsafeBufferPointer { sample.append(contentsOf: $0) }
        state = .watching(sample: sample, since: since)
    }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        switch state {
        case .closed: break
        case .playing(let file): file.poll(at: now, take)
        case .resting(let until):
            if now >= until { state = .watching(sample: [], since: nil) }
        case .watching(let sample, let since):
            guard !sample.isEmpty else { return }
            let begin = since ?? now
            if now - begin >= SlateLink.sampleNanoseconds {
                make(like: sample, at: now)
            } else if since == nil {
                state = .watching(sample: sample, since: now)
            }
        case .making(let making): look(after: making, at: now)
        }
    }

    private func make(like sample: [UInt8], at now: MonotonicInstant) {
        let descriptor = csockets_memory_file("attacca-slate")
        guard descriptor >= 0 else {
            return rest(IOFailure.system("slate", -descriptor).description, at: now)
        }
        do throws(IOFailure) {
            let process = try MediaProcess(
                .slate(SlateRecipe(picture: picture)), bringsBytes: true)
            var queue = ReplayQueue(forgets: false)
            queue.append(sample.span, limit: SlateLink.longestSampleBytes)
            own.state = .connecting
            state = .making(Making(process: process, sample: queue, descriptor: descriptor))
        } catch {
            Glibc.close(descriptor)
            rest(error.description, at: now)
        }
    }

    private func look(after making: Making, at now: MonotonicInstant) {
        var making = making
        var ending: (status: Int32, why: String)?
        making.process.write(from: &making.sample)
        var came = ByteQueue()
        making.process.read(into: &came, most: 1 << 20)
        making.bytes += came.count
        var isWritten = making.bytes <= SlateLink.longestSlateBytes
        // Into memory: nothing is waited for.
        came.take { bytes in
            isWritten = isWritten
                && Glibc.write(making.descriptor, bytes.baseAddress, bytes.count) == bytes.count
            return bytes.count
        }
        making.process.poll(at: now) { news in
            if case .ended(let status, let why) = news { ending = (status, why) }
        }
        state = .making(making)
        if !isWritten { ending = (MediaJob.Exit.failed, "it takes too much memory") }
        guard let ending else { return }
        making.process.stop()
        guard ending.status == MediaJob.Exit.done, making.bytes > 0 else {
            Glibc.close(making.descriptor)
            return rest("slate: \(ending.why)", at: now)
        }
        lseek(making.descriptor, 0, SEEK_SET)
        state = .playing(FileLink(looping: making.descriptor, named: picture))
    }

    private func rest(_ why: String, at now: MonotonicInstant) {
        own.state = .waiting
        own.lastError = why
        state = .resting(until: now + SlateLink.tryPause)
    }

    func close() {
        if case .making(let making) = state {
            making.process.stop()
            Glibc.close(making.descriptor)
        }
        if case .playing(let file) = state { file.close() }
        state = .closed
        own.state = .ended
    }
}
