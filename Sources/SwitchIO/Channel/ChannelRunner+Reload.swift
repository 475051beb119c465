// A new plan for a running channel: what did not change is not touched. What can not be opened is
// left out, and the next reload tries it again.

import Dispatch
import Logging
import NIOCore
import SwitchEngine

extension ChannelRunner {
    /// Takes another plan, on the channel's own loop.
    /// - Parameter isRetry: the same plan once more, after others have given up what was missing.
    /// - Returns: what could not be opened, for people.
    @discardableResult
    public func apply(_ wanted: ChannelPlan, isRetry: Bool = false) -> EventLoopFuture<[String]> {
        loop.flatSubmit { self.apply(wanted, [:], isRetry) }
    }

    /// An output's address with numbers for names, where they have an answer.
    private typealias Numbered = Result<OutputAddress, IOFailure>

    /// - Parameter known: addresses of outputs to be opened, by their place in the plan.
    private func apply(
        _ wanted: ChannelPlan, _ known: [Int: Numbered], _ isRetry: Bool
    ) -> EventLoopFuture<[String]> {
        // Outputs that run on have their addresses: with DNS gone they would hold all else back.
        let origins = PlanDifference(from: plan, to: wanted).outputs
        let unknown = wanted.outputs.indices.filter { index in
            origins[index] == nil && known[index] == nil
                && wanted.outputs[index].address.needsLookup
        }
        guard !unknown.isEmpty else {
            return loop.makeSucceededFuture(change(to: wanted, known, isRetry))
        }
        // The loop does not wait for names, and no name for another. Meanwhile another reload may
        // have closed what was running.
        let answers = unknown.map { index in
            let answer = loop.makePromise(of: (Int, Numbered).self)
            DispatchQueue.names.async {
                let address = wanted.outputs[index].address
                answer.succeed(
                    (index, Numbered { () throws(IOFailure) in try address.withNumbers() }))
            }
            return answer.futureResult
        }
        return EventLoopFuture.whenAllSucceed(answers, on: loop).flatMap { answers in
            self.apply(wanted, known.merging(answers) { $1 }, isRetry)
        }
    }

    private func change(
        to wanted: ChannelPlan, _ addresses: [Int: Numbered], _ isRetry: Bool
    ) -> [String] {
        guard !isStopping else { return [] }
        let difference = PlanDifference(from: plan, to: wanted)
        if difference.isEmpty && !inputs.contains(where: \.lacksLink) { return [] }
        var failures: [String] = []
        // Events speak of inputs by their numbers.
        for event in engine.takeEvents() { take(event) }
        let running = changeOutputs(to: wanted, addresses, difference, &failures)
        changeInputs(to: wanted, difference, &failures)
        engine.reconfigure(
            wanted.engine, origins: difference.inputs.map { $0.map { InputID($0) } })
        for key in difference.keysFixed where !isRetry {
            logger.warning(
                "channel \(name): \(key) stays what it was: it needs a restart of the channel")
        }
        let before = plan
        plan = wanted
        pacer.burst = plan.burst
        plan.outputs = running
        plan.state = before.state
        plan.engine.holdBack = before.engine.holdBack
        plan.engine.muxRate = before.engine.muxRate
        publish(at: HostClock.now)
        if !isRetry { logger.notice("channel \(name): reloaded") }
        return failures
    }

    /// - Returns: those that run now.
    private func changeOutputs(
        to wanted: ChannelPlan, _ addresses: [Int: Numbered], _ difference: PlanDifference,
        _ failures: inout [String]
    ) -> [OutputPlan] {
        let (old, oldPlans) = (outputs, plan.outputs)
        // First those that go: a new one may use the same port.
        for index in difference.outputsGone {
            logger.notice("channel \(name): output \(oldPlans[index].name) is removed")
            old[index].output.close()
        }
        outputs.removeAll()
        var running: [OutputPlan] = []
        for (index, output) in wanted.outputs.enumerated() {
            let origin = difference.outputs[index]
            if let origin {
                outputs.append((output.name, old[origin].output))
                running.append(output)
                continue
            }
            do throws(IOFailure) {
                try add(output, at: addresses[index]?.get() ?? output.address)
                running.append(output)
                logger.notice("channel \(name): output \(output.name) is added")
            } catch {
                failures.append("channel \(name): output \(output.name): \(error)")
            }
        }
        return running
    }

    private func changeInputs(
        to wanted: ChannelPlan, _ difference: PlanDifference, _ failures: inout [String]
    ) {
        let old = inputs
        for index in difference.inputsGone {
            logger.notice("channel \(name): input \(plan.engine.inputs[index].name) is removed")
            old[index].close()
        }
        inputs.removeAll()
        for (index, origin) in zip(wanted.inputs.indices, difference.inputs) {
            let (input, inputName) = (wanted.inputs[index], wanted.engine.inputs[index].name)
            guard let origin else {
                logger.notice("channel \(name): input \(inputName) is added")
                open(input, inputName, &failures)
                continue
            }
            let runner = old[origin]
            if difference.linksChanged.contains(index) {
                // What its bond still holds is the engine's, under the number of now.
                let missing = runner.apply(input, at: HostClock.now) { bytes, arrival in
                    engine.receive(bytes, from: InputID(origin), at: arrival)
                }
                failures += complaints(missing, inputName)
            } else if runner.lacksLink {
                failures += complaints(runner.openMissing(at: HostClock.now), inputName)
            }
            inputs.append(runner)
        }
    }

    private func open(_ input: InputPlan, _ inputName: String, _ failures: inout [String]) {
        let runner = InputRunner(closed: input)
        failures += complaints(runner.openMissing(at: HostClock.now), inputName)
        inputs.append(runner)
    }

    private func complaints(_ failures: [IOFailure], _ inputName: String) -> [String] {
        failures.map { "channel \(name): input \(inputName): \($0)" }
    }
}
