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
        let addresses = wanted.outputs.map(\.address)
        guard addresses.contains(where: \.needsLookup) else {
            return loop.submit { self.change(to: wanted, addresses.map { .success($0) }, isRetry) }
        }
        // The loop does not wait for names.
        let known = loop.makePromise(of: [Numbered].self)
        DispatchQueue.names.async {
            known.succeed(
                addresses.map { address in
                    Numbered { () throws(IOFailure) in try address.withNumbers() }
                })
        }
        return known.futureResult.map { self.change(to: wanted, $0, isRetry) }
    }

    /// An output's address with numbers for names, where they have an answer.
    private typealias Numbered = Result<OutputAddress, IOFailure>

    private func change(
        to wanted: ChannelPlan, _ addresses: [Numbered], _ isRetry: Bool
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
        to wanted: ChannelPlan, _ addresses: [Numbered], _ difference: PlanDifference,
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
                try add(output, at: addresses[index].get())
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
