// What a process before has left of a channel's output.

import Logging
import SwitchEngine

extension ChannelRunner {
    /// A state file that somebody has cut off is told of once, and given up.
    func lookAfterState() {
        guard let state, state.isLost else { return }
        state.close()
        logger.error(
            "channel \(name): the state file is lost (cut off?): the output's place is not kept")
    }

    /// What to go on from; nil for a begin. Says which of both it is.
    static func saved(_ state: StateFile?, _ plan: ChannelPlan, _ logger: Logger) -> SavedOutput? {
        switch state?.found {
        case .saved(let saved):
            let pause = (HostClock.now - saved.output.dueAt) / 1_000_000
            logger.notice(
                "channel \(plan.name): the output goes on from \(pause) ms ago")
            return saved
        case .unreadable(let why):
            logger.warning(
                "channel \(plan.name): the output begins anew: '\(plan.state ?? "")': \(why)")
            return nil
        case .nothing, nil: return nil
        }
    }
}
