// Other links for an input that is running. Those that are the same stay open, and the one that
// delivers goes on where it is still one of them; a merge gives out what it holds and begins anew.

import SwitchEngine

extension InputRunner {
    /// A link that is wanted could not be opened.
    var lacksLink: Bool {
        places.indices.contains { places[$0].link == nil && bond.isWanted($0) }
    }

    /// Takes other links, or another order or bond of them. Links that are gone are closed before
    /// new ones are opened: they may use the same port.
    /// - Returns: what could not be opened; that is tried again by itself, as is what has a name
    ///   that is not known yet.
    func apply(_ input: InputPlan, at now: MonotonicInstant, _ take: BondOutput) -> [IOFailure] {
        guard (1...Bond.linkLimit).contains(input.links.count) else {
            return [IOFailure("an input has 1 to \(Bond.linkLimit) links")]
        }
        let delivering = places[bond.active].address
        bond.finish(at: now, take)
        var rest = places
        var next: [Place] = []
        for address in input.links {
            if let same = rest.firstIndex(where: { $0.address == address }) {
                next.append(rest.remove(at: same))
            } else {
                next.append(Place(address: address))
            }
        }
        for place in rest { place.link?.close() }
        places = next
        bond = Bond(
            links: places.count, plan: input.bond,
            active: places.firstIndex { $0.address == delivering } ?? 0)
        var failures: [IOFailure] = []
        for index in places.indices where places[index].link == nil && bond.isWanted(index) {
            if let failure = openAsKnown(index, at: now.nanoseconds) { failures.append(failure) }
        }
        return failures
    }
}
