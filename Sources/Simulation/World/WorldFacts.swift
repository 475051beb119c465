// A world and its outcome as text, for the person who looks into a failing seed.

import SwitchEngine
import TransportStream

extension WorldPlan {
    /// What happens in the world, line by line.
    public var facts: [String] {
        var lines = [
            "seed \(seed), a \(kind.rawValue) world of \(duration / 1_000_000) ms",
            "  \(content.picture) and \(content.sound), "
                + "a frame lasts \(content.frameTicks) ticks of 27 MHz",
            "  hold-back \(configuration.holdBack / 1_000_000) ms, alignment "
                + "\(configuration.alignment.rawValue), return \(configuration.returning), "
                + (configuration.muxRate.map { "\($0) bit/s" } ?? "variable rate"),
        ]
        for (number, input) in inputs.enumerated() { lines += input.facts(number) }
        for command in commands {
            lines.append("  \(command.time / 1_000_000) ms: switch to \(command.input.index)")
        }
        for order in orders { lines.append("  \(order.time / 1_000_000) ms: \(order.command)") }
        return lines
    }
}

extension InputPlan {
    func facts(_ number: Int) -> [String] {
        let group = "groups of \(profile.groupLength)\(profile.isOpen ? ", open" : "")"
            + ", \(profile.depth) B\(profile.isPyramid ? ", pyramid" : "")"
        let sound = "\(profile.framesPerPacket) frames in a PES packet"
            + (profile.straddles ? ", straddling" : "")
        let millisecond = StreamTime.ticksPerMillisecond
        var lines = [
            "  input \(number): \(group); \(sound); base \(profile.base / 300)",
            "    PCR on \(profile.clockPlace) every \(profile.clockInterval / millisecond) ms, "
                + "decoding delay \(profile.decodingDelay / millisecond) ms, "
                + "latency \(profile.latency / millisecond) ms, "
                + (profile.packetsPerSecond.map { "\($0) packets/s" } ?? "variable rate"),
            "    delay \(delay / 1_000_000) ms, jitter \(jitter / 1_000_000) ms, "
                + "\(datagramPackets) packets in a datagram, drift \(drift) of 10^9",
        ]
        if let streams { lines.append("    " + streams) }
        for episode in episodes {
            let span = "\(episode.start / 1_000_000) ... \(episode.end / 1_000_000) ms"
            lines.append("    \(span): \(InputPlan.text(episode.kind))")
        }
        return lines
    }

    private static func text(_ kind: Episode.Kind) -> String {
        guard case .wrongStamp(let stamp, let ticks) = kind else { return "\(kind)" }
        return "one wrong \(stamp.rawValue), by \(ticks / StreamTime.ticksPerMillisecond) ms"
    }

    /// What is unusual about its streams; nil where nothing is.
    private var streams: String? {
        var words: [String] = []
        if profile.content.picture == .none { words.append("no pictures") }
        if profile.content.sound == .none { words.append("no sound") }
        if profile.hasSecondSound { words.append("a second sound") }
        let languages = [profile.language, profile.secondLanguage].compactMap { $0 }
        if !languages.isEmpty { words.append("languages \(languages.joined(separator: ", "))") }
        if profile.pictureWait > 0 {
            let wait = profile.pictureWait / StreamTime.ticksPerMillisecond
            words.append("pictures leave \(wait) ms behind their sound")
        }
        return words.isEmpty ? nil : words.joined(separator: "; ")
    }
}

extension WorldVerdict {
    /// What came of it, line by line.
    public var facts: [String] {
        var lines = events.map { "  " + WorldVerdict.text($0) }
        lines += jumps.map {
            "  jump at PTS \($0.presentation): content by \($0.contentStep), time by "
                + "\($0.excessTicks) too many, \($0.from) to \($0.to), "
                + "\($0.time / 1_000_000) ms"
        }
        lines += soundGaps.map {
            "  sound at PTS \($0.presentation): \($0.excessTicks) ticks off, \($0.from) to \($0.to)"
        }
        lines += unitFaults.prefix(20).map {
            "  unit at PTS \($0.presentation), \($0.time / 1_000_000) ms: \($0.kind.rawValue)"
        }
        lines.append(
            "  \(packets) packets, \(pictures) pictures, \(soundFrames) audio frames; "
                + "\(lostPictures) lost, \(repeatedPictures) repeated; lip-sync off by at most "
                + "\(lipSyncError) ticks; at most \(mostKeptPackets) packets kept of an input")
        lines += failures.map { "  FAILS: \($0)" }
        return lines
    }

    private static func text(_ event: Event) -> String {
        func stamp(_ instant: MonotonicInstant) -> String {
            "\(instant.nanoseconds / 1_000_000) ms:"
        }
        switch event {
        case .onAir(let input, let at): return "\(stamp(at)) on air \(input.index)"
        case .seam(let seam):
            return "\(stamp(seam.time)) seam \(seam.from.index) to \(seam.to.index), "
                + "\(seam.reason.rawValue), \(seam.level.rawValue), lost \(seam.framesLost), "
                + "repeated \(seam.framesRepeated), audio gap \(seam.audioGap), PTS "
                + "\(seam.presentation.ticks), by \(seam.alignment?.rawValue ?? "nothing"), "
                + "shift \(seam.shift), hold-back \(seam.holdBack / 1_000_000) ms: \(seam.why)"
        case .faults(let input, let faults, let at):
            let names = faults.map(\.rawValue)
            return "\(stamp(at)) faults of \(input.index): \(names)"
        case .refused(let why, let at): return "\(stamp(at)) refused: \(why)"
        case .damagePassed(let input, let units, let data, let at):
            return "\(stamp(at)) \(units) damaged units of \(input.index) passed, \(data) of data"
        case .standstill(let at): return "\(stamp(at)) standstill"
        case .hold(let input, let at):
            return "\(stamp(at)) " + (input.map { "hold \($0.index)" } ?? "released")
        }
    }
}
