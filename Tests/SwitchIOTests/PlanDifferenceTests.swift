// What a reload would change, as values.

import SwitchEngine
import Testing

@testable import SwitchIO

@Suite struct PlanDifferenceTests {
    private func output(_ name: String, _ port: UInt16) -> OutputPlan {
        OutputPlan(name: name, address: .datagrams(Studio.loopback(port)))
    }

    private func plan(
        _ inputs: [(String, [UInt16])], _ outputs: [OutputPlan] = [],
        _ change: (inout ChannelPlan) -> Void = { _ in }
    ) -> ChannelPlan {
        var plan = ChannelPlan(
            name: "one",
            engine: ChannelConfiguration(inputs: inputs.map { InputConfiguration(name: $0.0) }),
            inputs: inputs.map { input in
                InputPlan(links: input.1.map { .datagrams(Studio.loopback($0)) })
            }, outputs: outputs)
        change(&plan)
        return plan
    }

    @Test func nothingDiffersFromItself() {
        let one = plan([("a", [1]), ("b", [2, 3])], [output("x", 9)])
        #expect(PlanDifference(from: one, to: one).isEmpty)
    }

    @Test func anOutputIsItsAddressWhateverItsNameAndPlace() {
        let old = plan([("a", [1])], [output("output1", 7), output("output2", 8)])
        let new = plan([("a", [1])], [output("output1", 8), output("output2", 9)])
        let found = PlanDifference(from: old, to: new)
        #expect(found.outputs == [1, nil] && found.outputsGone == [0])
        #expect(found.linksChanged == [] && !found.changesEngine)
    }

    @Test func anOutputWithTheSameNameAndAnotherAddressIsAnother() {
        let old = plan([("a", [1])], [output("x", 7)])
        let new = plan([("a", [1])], [output("x", 8)])
        let found = PlanDifference(from: old, to: new)
        #expect(found.outputs == [nil] && found.outputsGone == [0])
    }

    @Test func unnamedInputsAreFoundAgainByTheirLinks() {
        let old = plan([("input1", [1]), ("input2", [2]), ("input3", [3])])
        let new = plan([("input1", [2]), ("input2", [3])])
        let found = PlanDifference(from: old, to: new)
        #expect(found.inputs == [1, 2] && found.inputsGone == [0] && found.linksChanged == [])
        #expect(found.changesEngine)
    }

    @Test func namedInputsThatAreReorderedStay() {
        let old = plan([("a", [1]), ("b", [2])])
        let found = PlanDifference(from: old, to: plan([("b", [2]), ("c", [4]), ("a", [1])]))
        #expect(found.inputs == [1, nil, 0] && found.inputsGone == [] && found.linksChanged == [])
    }

    @Test func otherLinksOfOneInputTouchNoOther() {
        let old = plan([("a", [1]), ("b", [2, 3])])
        let found = PlanDifference(from: old, to: plan([("a", [1]), ("b", [3, 4])]))
        #expect(found.inputs == [0, 1] && found.linksChanged == [1] && !found.changesEngine)
    }

    @Test func anotherProgrammeIsAnotherInput() {
        let old = plan([("a", [1])])
        let found = PlanDifference(
            from: old, to: plan([("a", [1])]) { $0.engine.inputs[0].program = 7 })
        #expect(found.inputs == [nil] && found.inputsGone == [0])
    }

    @Test func thresholdsAndPolicyAreTheEnginesAlone() {
        let old = plan([("a", [1])], [output("x", 7)])
        let new = plan([("a", [1])], [output("x", 7)]) {
            $0.engine.returning = .atOnce
            $0.engine.inputs[0].detection = Detection()
        }
        let found = PlanDifference(from: old, to: new)
        #expect(found.changesEngine && found.inputs == [0] && found.outputs == [0])
        #expect(found.linksChanged == [] && found.keysFixed == [])
    }

    @Test func whatCanNotChangeOnTheAirIsToldByItsKey() {
        let found = PlanDifference(
            from: plan([("a", [1])]),
            to: plan([("a", [1])]) {
                $0.engine.holdBack = 1
                $0.engine.muxRate = 5_000_000
            })
        #expect(found.keysFixed == ["hold-back", "mux-rate"] && !found.changesEngine)
    }
}
