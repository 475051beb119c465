// Each fault that is looked for: it is seen, left for a sound standby, and can be switched off.

import Simulation
import SwitchEngine
import Testing

private let second: Int64 = 1_000_000_000

/// A fault, what makes it, and how it is switched off.
struct Detected: Sendable, CustomTestStringConvertible {
    var fault: Fault
    var kind: Episode.Kind
    var reason: SeamReason
    var limit: Detection.Limit
    var key: WritableKeyPath<Detection, Detection.Limit?> & Sendable

    var testDescription: String { fault.rawValue }

    static let all = [
        Detected(
            fault: .patMissing, kind: .associationLoss, reason: .patMissing,
            limit: .init(second), key: \.patMissing),
        Detected(
            fault: .pmtMissing, kind: .mapLoss, reason: .pmtMissing, limit: .init(second),
            key: \.pmtMissing),
        Detected(
            fault: .scrambled, kind: .scrambling, reason: .scrambled,
            limit: .init(20, trip: second / 2), key: \.scrambled),
        Detected(
            fault: .clockStall, kind: .clockStall, reason: .clockStall, limit: .init(second),
            key: \.clockStall),
        Detected(
            fault: .streamLost, kind: .audioLoss, reason: .streamLost, limit: .init(second),
            key: \.streamLoss),
        Detected(
            fault: .silence, kind: .nulls, reason: .silence, limit: .init(second / 5),
            key: \.silence),
        Detected(
            fault: .bitrateLow, kind: .videoLoss, reason: .bitrateLow,
            limit: .init(100_000, trip: second / 5), key: \.bitrateFloor),
        Detected(
            fault: .transportErrors, kind: .errorIndicators(perMillion: 300_000),
            reason: .transportErrors, limit: .init(5, trip: second / 5), key: \.transportErrors),
        Detected(
            fault: .continuityErrors, kind: .loss(perMillion: 300_000), reason: .continuityErrors,
            limit: .init(5, trip: second / 5), key: \.continuityErrors),
        Detected(
            fault: .syncLoss, kind: .garbage(perMillion: 500_000), reason: .syncLoss,
            limit: .init(1, trip: second / 5), key: \.syncLoss),
    ]
}

@Suite("Detection")
struct DetectionTests {
    private func world(_ detected: Detected) -> WorldPlan {
        var plan = pair()
        plan.kind = .storm
        plan.configuration.holdBack = 3 * second
        // Only this one is looked for.
        var detection = Detection()
        detection.silence = nil
        detection.streamLoss = nil
        detection.clockStall = nil
        detection.continuityErrors = nil
        plan.configuration.detection = detection
        plan.inputs[0].episodes = [Episode(detected.kind, from: 4 * second, to: 20 * second)]
        return plan
    }

    @Test("a fault is seen and left", arguments: Detected.all)
    func faultIsLeft(_ detected: Detected) {
        var plan = world(detected)
        plan.configuration.detection[keyPath: detected.key] = detected.limit
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.faults(of: 0).contains(detected.fault))
        #expect(verdict.faults(of: 1) == [])
        #expect(verdict.targets.first == 1)
    }

    @Test("a fault that is switched off is not seen", arguments: Detected.all)
    func faultIsSwitchedOff(_ detected: Detected) {
        var plan = world(detected)
        plan.configuration.detection[keyPath: detected.key] = nil
        #expect(!World.run(plan).faults(of: 0).contains(detected.fault))
    }

    @Test("an input's own limits go before the channel's")
    func inputsOwnLimits() {
        var plan = pair()
        plan.kind = .storm
        plan.inputs[0].episodes = [Episode(.associationLoss, from: 4 * second, to: 20 * second)]
        plan.configuration.detection.patMissing = Detection.Limit(second)
        plan.configuration.inputs[0].detection = Detection()
        plan.configuration.inputs[0].detection?.patMissing = nil
        let verdict = World.run(plan)
        #expect(verdict.faults(of: 0) == [])
        #expect(verdict.seams.isEmpty)
    }

    @Test("sound that never comes is a missing PID")
    func missingPID() {
        var plan = pair()
        plan.kind = .storm
        plan.configuration.detection.pidMissing = Detection.Limit(2 * second)
        plan.inputs[1].episodes = [Episode(.audioLoss, from: -5 * second, to: 20 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.faults(of: 1) == [.pidMissing])
        #expect(verdict.seams.isEmpty)
    }

    @Test("what an outage had missed does not count when the input is back")
    func outageIsForgotten() {
        var plan = pair()
        plan.kind = .storm
        plan.inputs[1].episodes = [Episode(.vanish, from: 3 * second, to: 6 * second)]
        let verdict = World.run(plan)
        expectSound(verdict)
        #expect(verdict.faults(of: 1) == [.silence])
    }

    @Test("all kinds of faults have a reason of their own")
    func faultsAreReasons() {
        for fault in Fault.allCases where fault != .absent {
            let isReason = SeamReason.allCases.contains { $0.rawValue == fault.rawValue }
            #expect(isReason || fault == .ended)
        }
    }
}
