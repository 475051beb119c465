// The paths of a group that calls, as addresses. Names are looked up before the group is made; one
// without an answer is asked for again while others deliver. The loop waits for neither.

import CSRT
import Dispatch
import Synchronization

final class SRTPaths: Sendable {
    private struct Known {
        var peer: SocketAddress
        var local: SocketAddress?

        init(_ path: SRTPath) throws(IOFailure) {
            peer = try SocketAddress(path.endpoint)
            if let own = path.local { local = try SocketAddress(own, family: peer.family) }
        }
    }

    private struct State {
        /// By the index of the path.
        var known: [Int: Known] = [:]
        var isAsking = false
    }

    private let paths: [SRTPath]
    private let state = Mutex(State())

    /// Looks all names up, and waits for the answers.
    /// - Throws: where none has one.
    init(_ paths: [SRTPath]) throws(IOFailure) {
        self.paths = paths
        if let failure = look(), state.withLock({ $0.known.isEmpty }) { throw failure }
    }

    /// What libsrt connects to, without the members that are there.
    func targets(without members: [SRT_SOCKGROUPDATA]) -> [SRT_SOCKGROUPCONFIG] {
        let present = Set(members.map { Int($0.token) })
        return state.withLock(\.known).sorted { $0.key < $1.key }.compactMap { index, known in
            guard !present.contains(index) else { return nil }
            var target = target(known)
            // A group of type backup takes the greatest weight that is well.
            target.weight = UInt16(clamping: paths.count - index)
            target.token = Int32(clamping: index)
            return target
        }
    }

    /// Asks again for the names that had no answer; a later `targets` has it.
    func askAgain() {
        let isNeeded = state.withLock { state in
            guard !state.isAsking, state.known.count < paths.count else { return false }
            state.isAsking = true
            return true
        }
        guard isNeeded else { return }
        DispatchQueue.names.async {
            _ = self.look()
            self.state.withLock { $0.isAsking = false }
        }
    }

    private func look() -> IOFailure? {
        var failure: IOFailure?
        for (index, path) in paths.enumerated() {
            guard state.withLock({ $0.known[index] == nil }) else { continue }
            do throws(IOFailure) {
                let known = try Known(path)
                state.withLock { $0.known[index] = known }
            } catch {
                failure = error
            }
        }
        return failure
    }

    private func target(_ known: Known) -> SRT_SOCKGROUPCONFIG {
        known.peer.withPointer { peer, length in
            guard let local = known.local else {
                return srt_prepare_endpoint(nil, peer, Int32(length))
            }
            return local.withPointer { own, _ in srt_prepare_endpoint(own, peer, Int32(length)) }
        }
    }
}
