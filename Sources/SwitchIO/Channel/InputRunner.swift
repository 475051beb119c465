// One input's links, and which of them delivers.

import SwitchEngine

final class InputRunner {
    private var links: [any Link]
    private(set) var warnings: [String] = []
    private(set) var hasEnded = false
    /// The input came to its end with the last `poll`.
    private(set) var hasJustEnded = false

    init(_ plan: InputPlan) throws(IOFailure) {
        links = []
        for address in plan.links {
            switch address {
            case .datagrams(let address):
                let link = try DatagramLink(address)
                if let warning = link.warning { warnings.append(warning) }
                links.append(link)
            case .srt(let address): links.append(try SRTLink(address))
            case .file(let path, let isLooped):
                links.append(try FileLink(path: path, isLooped: isLooped))
            case .standardInput: links.append(PipeLink())
            }
        }
    }

    var facts: [LinkFacts] { links.map(\.facts) }

    func poll(at now: MonotonicInstant, _ take: (Span<UInt8>, MonotonicInstant) -> Void) {
        for link in links { link.poll(at: now, take) }
        let isOver = links.allSatisfy { $0.facts.state == .ended }
        hasJustEnded = isOver && !hasEnded
        hasEnded = isOver
    }

    func close() {
        for link in links { link.close() }
    }
}
