// Answers what operators ask over the control socket.

import ControlPlane
import Foundation
import NIOCore
import SwitchIO

/// Where a process listens, or is found.
struct ControlPlace {
    static let help = "The control socket; else $ATTACCA_CONTROL, or one of its own."
    /// As the command line says.
    var path: String?
    var environment = ProcessInfo.processInfo.environment

    /// Somebody said where.
    var isWanted: Bool {
        path != nil || !(environment["ATTACCA_CONTROL"] ?? "").isEmpty
    }
}

struct ControlDesk: Sendable {
    private let channels: ChannelSet
    private let site: WebServer?
    private let tally: ControlTally

    init(_ channels: ChannelSet, _ site: WebServer?, _ tally: ControlTally) {
        self.channels = channels
        self.site = site
        self.tally = tally
    }

    func answer(
        _ request: ControlRequest, on loop: any EventLoop
    ) -> EventLoopFuture<ControlReply> {
        do throws(ControlFailure) {
            if request.command == .status {
                return loop.makeSucceededFuture(ControlReply(status: try status(request.channel)))
            }
            let runner = try runner(request.channel)
            return runner.perform(try order(request)).hop(to: loop).map { ControlReply() }
        } catch {
            return loop.makeSucceededFuture(ControlReply(error: error.description))
        }
    }

    private func status(_ name: String?) throws(ControlFailure) -> ProcessDocument {
        let runners = name == nil ? channels.all : [try runner(name)]
        return ProcessDocument(
            process: ProcessInfo.processInfo.processIdentifier, version: Version.text,
            channels: runners.map { ChannelDocument($0.status) }, http: site?.facts,
            control: tally.facts)
    }

    private func runner(_ name: String?) throws(ControlFailure) -> ChannelRunner {
        let all = channels.all
        let names = all.map(\.name).joined(separator: ", ")
        guard let name else {
            guard let only = all.first, all.count == 1 else {
                throw ControlFailure("which channel? allowed: \(names)")
            }
            return only
        }
        guard let found = all.first(where: { $0.name == name }) else {
            throw ControlFailure("there is no channel \(ShownText(name)); allowed: \(names)")
        }
        return found
    }

    private func order(_ request: ControlRequest) throws(ControlFailure) -> Order {
        switch request.command {
        case .status, .release: return .release
        case .hold: return .hold
        case .clear: return .clearSchedule
        case .switch:
            guard let input = request.input else {
                throw ControlFailure("switch: \"input\" is missing: where to?")
            }
            let time = try request.at.map { text throws(ControlFailure) in
                let now = HostClock.wallClock(of: HostClock.now)
                guard let time = WallClockValue(argument: text, now: now) else {
                    throw ControlFailure(
                        "at: found \(ShownText(text)); allowed: \(WallClockValue.allowed)")
                }
                guard time.nanoseconds > now else {
                    throw ControlFailure("at: \(time.text) is over; allowed: a time to come")
                }
                return HostClock.instant(ofWallClock: time.nanoseconds)
            }
            return .switchTo(input, at: time, holds: request.hold ?? false)
        }
    }
}
