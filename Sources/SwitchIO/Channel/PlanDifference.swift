// What a new plan changes of a running channel: values compared, nothing done.
//
//   same address               the output's socket and its readers stay
//   same links and programme   the input stays, whatever its name and place
//   same name and programme    the input stays, and so do those of its links that are the same
//   anything else              closed, or opened

import SwitchEngine

struct PlanDifference: Equatable {
    /// For each output of the new plan the running one that it is; nil for one to open.
    var outputs: [Int?] = []
    /// Running outputs that are to be closed.
    var outputsGone: [Int] = []
    /// For each input of the new plan the running one that it is; nil for one to open.
    var inputs: [Int?] = []
    var inputsGone: [Int] = []
    /// Inputs of the new plan that are running and whose links, or their bond, differ.
    var linksChanged: [Int] = []
    /// Thresholds, policy, names or places of inputs differ.
    var changesEngine = false
    /// Keys that can not be changed while the channel runs.
    var keysFixed: [String] = []

    /// Nothing to do and nothing to say.
    var isEmpty: Bool {
        outputsGone.isEmpty && !outputs.contains(nil) && inputsGone.isEmpty
            && !inputs.contains(nil) && linksChanged.isEmpty && !changesEngine && keysFixed.isEmpty
    }

    init(from old: ChannelPlan, to new: ChannelPlan) {
        outputs = PlanDifference.match(old.outputs, new.outputs, by: [
            { $0 == $1 }, { $0.address == $1.address && $0.impairment == $1.impairment },
        ])
        outputsGone = old.outputs.indices.filter { !outputs.contains($0) }
        let oldInputs = Array(zip(old.engine.inputs, old.inputs))
        let newInputs = Array(zip(new.engine.inputs, new.inputs))
        inputs = PlanDifference.match(oldInputs, newInputs, by: [
            { $0.0.name == $1.0.name && $0.0.program == $1.0.program && $0.1 == $1.1 },
            { $0.0.program == $1.0.program && $0.1.links == $1.1.links },
            { $0.0.name == $1.0.name && $0.0.program == $1.0.program },
        ])
        inputsGone = old.inputs.indices.filter { !inputs.contains($0) }
        linksChanged = new.inputs.indices.filter { index in
            inputs[index].map { old.inputs[$0] != new.inputs[index] } ?? false
        }
        var wanted = new.engine
        if wanted.holdBack != old.engine.holdBack { keysFixed.append("hold-back") }
        if wanted.muxRate != old.engine.muxRate { keysFixed.append("mux-rate") }
        if new.state != old.state { keysFixed.append("state") }
        wanted.holdBack = old.engine.holdBack
        wanted.muxRate = old.engine.muxRate
        changesEngine = wanted != old.engine || new.burst != old.burst
    }

    /// Finds for each new thing the old one that it is: the nearest likeness first.
    private static func match<Thing>(
        _ old: [Thing], _ new: [Thing], by likenesses: [(Thing, Thing) -> Bool]
    ) -> [Int?] {
        var result = [Int?](repeating: nil, count: new.count)
        var free = Set(old.indices)
        for isLike in likenesses {
            for index in new.indices where result[index] == nil {
                let found = old.indices.first { free.contains($0) && isLike(old[$0], new[index]) }
                guard let found else { continue }
                result[index] = found
                free.remove(found)
            }
        }
        return result
    }
}
