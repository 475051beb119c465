// Other links for an input that is running. Those that are the same stay open, and the one that
// delivers goes on where it is still one of them. A merge goes on with the links that it has then:
// begun anew it would give what it holds too early, and what a late link still brings once more.

import SwitchEngine

extension InputRunner {
    /// A link that is wanted could not be opened.
    var lacksLink: Bool {
        places.indices.contains { places[$0].link == nil && bond.isWanted(places[$0].number) }
    }

    /// Takes other links, or another order or bond of them. Links that are gone are closed before
    /// new ones are opened: they may use the same port.
    /// - Returns: what could not be opened; that is tried again by itself, as is what has a name
    ///   that is not known yet.
    func apply(_ input: InputPlan, at now: MonotonicInstant, _ take: BondOutput) -> [IOFailure] {
        guard (1...Bond.linkLimit).contains(input.links.count) else {
            return [IOFailure("an input has 1 to \(Bond.linkLimit) links")]
        }
        var rest = places
        let same: [Place?] = input.links.map { address in
            rest.firstIndex { $0.address == address }.map { rest.remove(at: $0) }
        }
        for place in rest { place.link?.close() }
        if input.bond == bondPlan, bond.hasRoom(for: same.count { $0 == nil }) {
            places = zip(input.links, same).map { address, place in
                place ?? Place(address: address, number: bond.addLink())
            }
        } else {
            beginBond(input, same, at: now, take)
        }
        return openMissing(at: now)
    }

    private func beginBond(
        _ input: InputPlan, _ same: [Place?], at now: MonotonicInstant, _ take: BondOutput
    ) {
        bond.finish(at: now, take)
        let active = same.firstIndex { $0?.number == bond.active }
        places = zip(input.links, same).enumerated().map { number, pair in
            var place = pair.1 ?? Place(address: pair.0, number: number)
            place.number = number
            return place
        }
        bondPlan = input.bond
        bond = Bond(links: places.count, plan: bondPlan, active: active ?? 0)
    }

    /// Opens the links that are wanted and not there; the others notice nothing.
    /// - Returns: what could not be opened; that is tried again by itself.
    func openMissing(at now: MonotonicInstant) -> [IOFailure] {
        var failures: [IOFailure] = []
        for index in places.indices
        where places[index].link == nil && bond.isWanted(places[index].number) {
            if let failure = openAsKnown(index, at: now.nanoseconds) { failures.append(failure) }
        }
        return failures
    }
}
