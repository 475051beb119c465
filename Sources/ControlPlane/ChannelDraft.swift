// A channel while it is read: what is known of it, with the places where it was said, since most
// mistakes are between two keys.

import MediaJobs
import SwitchEngine
import SwitchIO

/// A name and where it was given.
struct Named {
    var text: String
    var place: Place
}

struct LinkDraft {
    var place: Place
    var address: LinkAddress
}

struct InputDraft {
    enum Bond: String, CaseIterable {
        case merge
        case mainBackup = "main-backup"
    }

    var place: Place
    var name: Named?
    var engine = InputConfiguration(name: "")
    /// Read when the channel's thresholds are known.
    var detection: Value?
    var url: Place?
    var list: Place?
    var links: [LinkDraft] = []
    var bond = Bond.mainBackup
    var mainBackup = MainBackupPlan()
    /// ST 2022-7 class C: 450 ms.
    var skewWindow: Int64 = 450_000_000
    /// Keys that only one kind of bond has.
    var bondKeys: [(key: String, bond: Bond?, place: Place)] = []

    init(place: Place) { self.place = place }

    var plan: InputPlan {
        InputPlan(
            links: links.map(\.address),
            bond: bond == .merge ? .merge(skewWindow: skewWindow) : .mainBackup(mainBackup))
    }
}

struct OutputDraft {
    var place: Place
    var name: Named?
    var address: OutputAddress?
    /// An address was given, right or wrong.
    var hasAddress = false

    init(place: Place) { self.place = place }
}

struct ChannelDraft {
    var place: Place
    var name: Named?
    var engine = ChannelConfiguration(inputs: [])
    var program: UInt16?
    var inputs: [InputDraft] = []
    var outputs: [OutputDraft] = []
    var hasInputs = false
    var hasOutputs = false
    var cueTarget: Named?
    var cueOrigin: Named?
    var state: Named?
    /// A picture; an input is made of it.
    var slate: Named?
    var burst: Int64 = 0

    init(place: Place) { self.place = place }

    /// Only of a channel without mistakes.
    var plan: ChannelPlan {
        var plan = ChannelPlan(
            name: name?.text ?? "", engine: engine, inputs: inputs.map(\.plan),
            outputs: outputs.compactMap { output in
                output.address.map { OutputPlan(name: output.name?.text ?? "", address: $0) }
            })
        plan.state = state?.text
        plan.burst = burst
        return plan
    }

    // MARK: What belongs together

    /// Gives what has no name one, and looks at what depends on several keys.
    mutating func settle(number: Int, _ reader: inout ConfigurationReader) {
        if name == nil { name = Named(text: "channel\(number)", place: place) }
        if !hasInputs { reader.missing("inputs", place, allowed: "a list of inputs") }
        if !hasOutputs { reader.missing("outputs", place, allowed: "a list of outputs") }
        if let slate {
            var input = InputDraft(place: slate.place)
            input.name = Named(text: "slate", place: slate.place)
            input.engine.isSlate = true
            input.url = slate.place
            input.links = [
                LinkDraft(place: slate.place, address: .media(.slate(picture: slate.text)))
            ]
            inputs.append(input)
        }
        for index in inputs.indices {
            if inputs[index].name == nil {
                inputs[index].name = Named(text: "input\(index + 1)", place: inputs[index].place)
            }
            inputs[index].settle(engine.detection, program, &reader)
        }
        for index in outputs.indices {
            if outputs[index].name == nil {
                outputs[index].name = Named(
                    text: "output\(index + 1)", place: outputs[index].place)
            }
            if !outputs[index].hasAddress {
                reader.missing("url", outputs[index].place, allowed: "an address")
            }
        }
        engine.inputs = inputs.map(\.engine)
        settleCue(&reader)
    }

    private mutating func settleCue(_ reader: inout ConfigurationReader) {
        guard let cueTarget else {
            if let cueOrigin {
                reader.fail(
                    cueOrigin.place, found: "it without a target",
                    allowed: "cue: target: the input that a break leads to")
            }
            return
        }
        guard let target = input(cueTarget, &reader) else { return }
        var policy = CuePolicy(target: target)
        if let cueOrigin {
            guard let origin = input(cueOrigin, &reader) else { return }
            policy.origin = origin
            if origin == target {
                reader.fail(
                    cueOrigin.place, found: "the target", allowed: "another input than the target")
            }
        }
        engine.cue = policy
    }

    private func input(_ wanted: Named, _ reader: inout ConfigurationReader) -> InputID? {
        if let index = inputs.firstIndex(where: { $0.name?.text == wanted.text }) {
            return InputID(index)
        }
        let names = inputs.compactMap { $0.name?.text }
        reader.fail(
            wanted.place, found: ShownText(wanted.text).description,
            allowed: Spelling.allowed(names, nearest: wanted.text))
        return nil
    }
}

extension InputDraft {
    mutating func settle(
        _ channel: Detection, _ program: UInt16?, _ reader: inout ConfigurationReader
    ) {
        engine.name = name?.text ?? ""
        engine.program = engine.program ?? program
        if let detection {
            var own = channel
            reader.read(detection, DetectionKeys.all, into: &own)
            engine.detection = own
        }
        if let list, url != nil {
            reader.fail(list, found: "links beside url", allowed: "one of the two")
        } else if list == nil, url == nil {
            reader.missing("url", place, allowed: "url, or links for several")
        }
        for (key, wanted, place) in bondKeys {
            if list == nil, url != nil {
                reader.fail(
                    place, found: "\(key) for a single url", allowed: "it only beside links")
            } else if let wanted, wanted != bond {
                reader.fail(
                    place, found: "it with bond: \(bond.rawValue)",
                    allowed: "it only with bond: \(wanted.rawValue)")
            }
        }
    }
}

extension ConfigurationReader {
    mutating func missing(_ key: String, _ place: Place, allowed: String) {
        let under = source == "command line" ? Place(line: nil, key: key) : place.key(key)
        fail(under, found: "nothing", allowed: allowed)
    }
}
