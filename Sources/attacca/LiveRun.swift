// Channels on the air until a signal ends them, with a status line where a person looks on.

import Dispatch
import Foundation
import Logging
import NIOCore
import NIOPosix
import SwitchIO

struct LiveRun {
    /// How often the status line is written anew.
    private static let statusSeconds = 0.5

    private let plans: [ChannelPlan]
    private let logger: Logger

    init(_ plans: [ChannelPlan], label: String) {
        self.plans = plans
        logger = Logger(label: label) { _ in LineLog() }
    }

    /// Returns when all channels have ended: by a signal, or because their inputs have.
    func run() throws {
        let endings = LiveRun.blockSignals()
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: min(System.coreCount, plans.count))
        defer { try? loops.syncShutdownGracefully() }
        // A reader that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        var runners: [ChannelRunner] = []
        for plan in plans {
            do {
                runners.append(try ChannelRunner(plan, on: loops.next(), logger: logger))
            } catch {
                throw CommandFailure.run("channel \(plan.name): \(error)")
            }
        }
        let channels = runners
        stopOnSignals(channels, endings)
        for runner in channels { runner.start() }
        let end = DispatchGroup()
        for runner in channels {
            end.enter()
            runner.ended.whenComplete { _ in end.leave() }
        }
        var line = StatusLine()
        while end.wait(timeout: .now() + LiveRun.statusSeconds) == .timedOut {
            if Terminal.isInteractive { StatusBoard.show(line.text(channels.map(\.status))) }
        }
        StatusBoard.clear()
    }

    /// The first signal lets the channels send what they hold; the second ends at once. Signals are
    /// blocked in all threads, those of the loops too, and waited for in one of their own.
    private func stopOnSignals(_ runners: [ChannelRunner], _ set: sigset_t) {
        Thread.detachNewThread {
            var set = set
            var number: Int32 = 0
            sigwait(&set, &number)
            runners.forEach { $0.stop() }
            sigwait(&set, &number)
            Foundation.exit(1)
        }
    }

    /// Blocks the signals that end a run, in this thread and in those that it makes.
    private static func blockSignals() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        return set
    }
}

/// Log lines on standard error, one each, above the status line.
struct LineLog: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }
            .map { " \($0.key)=\"\($0.value)\"" }.joined()
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
        StatusBoard.log("\(time) \(event.level) \(event.message)\(details)")
    }
}

/// Where the status line and the log lines meet.
enum StatusBoard {
    private static let state = NSLock()
    nonisolated(unsafe) private static var shown = ""

    static func show(_ text: String) {
        state.withLock {
            shown = text
            write("\r\u{1B}[K\(text)")
        }
    }

    static func log(_ text: String) {
        state.withLock {
            write(shown.isEmpty ? "\(text)\n" : "\r\u{1B}[K\(text)\n\(shown)")
        }
    }

    static func clear() {
        state.withLock {
            if !shown.isEmpty { write("\r\u{1B}[K") }
            shown = ""
        }
    }

    private static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// What a person sees of the channels at a glance.
struct StatusLine {
    private var bytes: [String: Int64] = [:]
    private var last = DispatchTime.now().uptimeNanoseconds

    mutating func text(_ channels: [ChannelReport]) -> String {
        let now = DispatchTime.now().uptimeNanoseconds
        let seconds = max(Double(now - last) / 1e9, 0.001)
        last = now
        return channels.map { channel in
            let inputs = channel.inputs.map { input in
                let key = "\(channel.name)/\(input.status.name)"
                let total = input.links.reduce(0) { $0 + $1.bytes }
                let rate = Double(total - (bytes[key] ?? total)) * 8 / seconds / 1e6
                bytes[key] = total
                let mark = input.isOnAir ? "*" : " "
                let fault = input.status.faults.first?.rawValue
                    ?? String(format: "%.2f Mbit/s", rate)
                return "\(mark)\(input.status.name) \(fault)"
            }
            let seam = channel.lastSeam.map { ", last \($0.level.rawValue) \($0.reason.rawValue)" }
            return "\(channel.name)  \(inputs.joined(separator: " | "))  "
                + "\(channel.seams) seams\(seam ?? "")"
        }.joined(separator: "  ")
    }
}
