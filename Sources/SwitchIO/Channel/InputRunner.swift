// One input's links: opens them as its bond wants them, and pumps what they bring through it.

import SwitchEngine

final class InputRunner {
    struct Place {
        var address: LinkAddress
        /// What the bond calls it.
        var number: Int
        /// Nil while a cold backup is not needed, or could not be opened.
        var link: (any Link)?
        var nextAttempt: Int64 = .min
        /// Asked for while the link is to be opened.
        var names: NameLookup<LinkAddress>?
        var error: String?
    }

    /// A link that can not be opened is tried again so often, nanoseconds.
    static let attemptPause: Int64 = 2_000_000_000

    var places: [Place]
    var bond: Bond
    var bondPlan: BondPlan
    private(set) var warnings: [String] = []
    private(set) var hasEnded = false
    /// The input came to its end with the last `poll`.
    private(set) var hasJustEnded = false

    init(_ input: InputPlan) throws(IOFailure) {
        guard (1...Bond.linkLimit).contains(input.links.count) else {
            throw IOFailure("an input has 1 to \(Bond.linkLimit) links")
        }
        bond = Bond(links: input.links.count, plan: input.bond)
        bondPlan = input.bond
        places = input.links.enumerated().map { Place(address: $1, number: $0) }
        for index in places.indices where bond.isWanted(index) {
            try open(index, at: places[index].address)
        }
    }

    /// With all its links closed.
    init(closed input: InputPlan) {
        places = input.links.prefix(Bond.linkLimit).enumerated().map {
            Place(address: $1, number: $0)
        }
        bond = Bond(links: places.count, plan: input.bond)
        bondPlan = input.bond
    }

    private func open(_ index: Int, at address: LinkAddress) throws(IOFailure) {
        switch address {
        case .datagrams(let address):
            let link = try DatagramLink(address)
            if let warning = link.warning { warnings.append(warning) }
            places[index].link = link
        case .srt(let address): places[index].link = try SRTLink(address)
        case .rtmp(let address): places[index].link = try RTMPLink(address)
        case .file(let path, let isLooped):
            if let pipe = try PipeLink(path: path) {
                places[index].link = pipe
            } else if ContainerMark.isThere(in: path) {
                places[index].link = try MediaLink(.file(path: path, isLooped: isLooped))
            } else {
                places[index].link = try FileLink(path: path, isLooped: isLooped)
            }
        case .standardInput: places[index].link = try PipeLink.standardInput()
        case .media(.slate(let picture)): places[index].link = try SlateLink(picture)
        case .media(let source): places[index].link = try MediaLink(source)
        }
    }

    /// Opens a link that the bond has come to want.
    private func openLater(_ index: Int, at now: Int64) {
        guard now >= places[index].nextAttempt else { return }
        _ = openAsKnown(index, at: now)
    }

    /// Opens a link whose names are known, and asks for them where they are not: the loop does not
    /// wait.
    func openAsKnown(_ index: Int, at now: Int64) -> IOFailure? {
        let names = places[index].names ?? places[index].address.lookup()
        places[index].names = names
        guard let answer = names.result else { return nil }
        places[index].names = nil
        do throws(IOFailure) {
            try open(index, at: answer.get())
            places[index].error = nil
            return nil
        } catch {
            places[index].error = error.description
            places[index].nextAttempt = now + InputRunner.attemptPause
            return error
        }
    }

    /// A cold backup that is not needed any more.
    private func closeUnwanted(_ index: Int) {
        places[index].link?.close()
        places[index].link = nil
        // Asked for anew when it is needed again: an answer is of its moment.
        places[index].names = nil
        places[index].error = nil
        places[index].nextAttempt = .min
    }

    var facts: [LinkFacts] {
        places.indices.map { index in
            var facts = places[index].link?.facts ?? LinkFacts()
            if let error = places[index].error {
                facts.state = .failed
                facts.lastError = error
            }
            facts.bond = bond.facts(of: places[index].number)
            return facts
        }
    }

    /// What the links have to tell the operator, since asked last.
    func takeNotes() -> [String] { places.flatMap { $0.link?.takeNotes() ?? [] } }

    /// Gives what the bond makes of what the links have brought.
    func poll(at now: MonotonicInstant, _ take: BondOutput) {
        for index in places.indices {
            let number = places[index].number
            guard bond.isWanted(number) else {
                closeUnwanted(index)
                continue
            }
            guard let link = places[index].link else {
                openLater(index, at: now.nanoseconds)
                continue
            }
            let isRTP = link.isRTP
            link.poll(at: now) { datagram, arrival in
                bond.receive(datagram, isRTP: isRTP, from: number, at: arrival, take)
            }
        }
        bond.advance(to: now, take)
        let isOver = places.allSatisfy { $0.link?.facts.state == .ended }
        hasJustEnded = isOver && !hasEnded
        if hasJustEnded { bond.finish(at: now, take) }
        hasEnded = isOver
    }

    /// Adds the links that want to see what the channel sends.
    func addWatchers(to watchers: inout [any Link]) {
        for place in places {
            if let link = place.link, link.isWatching { watchers.append(link) }
        }
    }

    func close() {
        for place in places { place.link?.close() }
    }
}
