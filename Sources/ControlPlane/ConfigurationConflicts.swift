// What is right alone and wrong together: names, destinations and ports that are there twice.

import SwitchIO

extension ConfigurationReader {
    mutating func refuseConflicts(_ channels: [ChannelDraft]) {
        refuseTwins(channels.map(\.name), what: "channel")
        for channel in channels {
            refuseTwins(channel.inputs.map(\.name), what: "input")
            refuseTwins(channel.outputs.map(\.name), what: "output")
        }
        refuseDestinations(channels)
        refusePorts(channels)
    }

    /// Addresses that ask for what the libsrt of this process does not have.
    mutating func refuseGroups(_ channels: [ChannelDraft], _ hasSocketGroups: () -> Bool) {
        let links = channels.flatMap(\.inputs).flatMap(\.links)
            .filter(\.address.asksForGroups).map(\.place)
        let outputs = channels.flatMap(\.outputs)
            .filter { $0.address?.asksForGroups == true }.map(\.place)
        let places = links + outputs
        guard !places.isEmpty, !hasSocketGroups() else { return }
        let lack = SRTLibrary.lackOfGroups
        for place in places { fail(place, found: lack.found, allowed: lack.allowed) }
    }

    private mutating func refuseTwins(_ names: [Named?], what: String) {
        var seen: Set<String> = []
        for name in names.compactMap({ $0 }) where !seen.insert(name.text).inserted {
            fail(
                name.place, found: "a second \(what) called '\(name.text)'",
                allowed: "a name of its own for each \(what)")
        }
    }

    /// Two outputs into one place, or an output into an input's file.
    private mutating func refuseDestinations(_ channels: [ChannelDraft]) {
        var seen: [String: Place] = [:]
        let links = channels.flatMap(\.inputs).flatMap(\.links)
        for link in links {
            if let origin = link.address.origin { seen[origin] = link.place }
        }
        for output in channels.flatMap(\.outputs) {
            guard let destination = output.address?.destination else { continue }
            if let first = seen[destination] {
                fail(
                    output.place, found: "what \(first.key) uses already",
                    allowed: "a destination of its own for each output")
            }
            seen[destination] = output.place
        }
        for state in channels.compactMap(\.state) {
            guard let destination = OutputAddress.file(path: state.text).destination else {
                continue
            }
            if let first = seen[destination] {
                fail(
                    state.place, found: "what \(first.key) uses already",
                    allowed: "a file of its own for each channel's state")
            }
            seen[destination] = state.place
        }
        for link in links.filter({ $0.address == .standardInput }).dropFirst() {
            fail(link.place, found: "standard input again", allowed: "it once")
        }
    }

    private struct Bound {
        var place: Place
        var binding: PortBinding
        /// Links of one input have the same number; outputs have none.
        var input: Int?
    }

    private mutating func refusePorts(_ channels: [ChannelDraft]) {
        var bound: [UInt16: [Bound]] = [:]
        var all: [Bound] = []
        for (index, input) in channels.flatMap(\.inputs).enumerated() {
            for link in input.links {
                guard let binding = link.address.binding else { continue }
                all.append(Bound(place: link.place, binding: binding, input: index))
            }
        }
        for output in channels.flatMap(\.outputs) {
            guard let binding = output.address?.binding else { continue }
            all.append(Bound(place: output.place, binding: binding))
        }
        for one in all {
            let others = bound[one.binding.port, default: []]
            let first = others.first {
                $0.binding.collides(
                    with: one.binding, isSameInput: one.input != nil && $0.input == one.input)
            }
            if let first {
                fail(
                    one.place,
                    found: "port \(one.binding.port), which \(first.place.key) uses already",
                    allowed: "another port or address, or for SRT listeners another streamid")
            }
            bound[one.binding.port, default: []].append(one)
        }
    }
}
