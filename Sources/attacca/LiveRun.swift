// Channels on the air until a signal ends them, with a status line where a person looks on.

import ControlPlane
import Dispatch
import Foundation
import Logging
import NIOCore
import NIOPosix
import SwitchIO
import Synchronization

struct LiveRun {
    /// How often the status line is written anew.
    private static let statusSeconds = 0.5

    private let plans: [ChannelPlan]
    private let logger: Logger
    /// Reads the configuration again; nil where there is none.
    private let reread: (@Sendable () throws -> [ChannelPlan])?
    /// Where operators reach the process; nil where they do not.
    var control: ControlPlace?
    /// Where HLS outputs are read by HTTP; nil for nowhere.
    var web: WebAddress?
    /// SIGHUP does what the system says: a sender on a terminal ends with it.
    var leavesHangup = false

    init(
        _ plans: [ChannelPlan], label: String,
        reread: (@Sendable () throws -> [ChannelPlan])? = nil
    ) {
        self.plans = plans
        self.reread = reread
        logger = Logger(label: label) { _ in LineLog() }
    }

    /// Returns when all channels have ended: by a signal, or because their inputs have.
    func run() throws {
        FileDescriptors.raiseLimit()
        let signals = LiveRun.block([SIGINT, SIGTERM] + (leavesHangup ? [] : [SIGHUP]))
        // With a configuration, more channels may come.
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: reread == nil
                ? min(System.coreCount, plans.count) : System.coreCount)
        defer { try? loops.syncShutdownGracefully() }
        // A reader that goes away is no reason to end.
        signal(SIGPIPE, SIG_IGN)
        let channels = ChannelSet(on: loops, logger: logger)
        let stage = Stage()
        EndWatch(channels, stage, logger) { reload(channels) }.start(signals)
        for plan in plans {
            do {
                try channels.start(plan)
            } catch {
                channels.stop()
                _ = channels.waitForEnd(seconds: 1)
                throw CommandFailure.run("channel \(plan.name): \(error)")
            }
        }
        let site = try web.map { try publish($0, channels) }
        defer { site?.close() }
        let server = try control.flatMap { try serve($0, channels, site) }
        defer { server?.close() }
        stage.enter(.running)
        var line = StatusLine()
        while !channels.waitForEnd(seconds: LiveRun.statusSeconds) {
            if Terminal.isInteractive {
                StatusBoard.show(line.text(channels.all.map(\.status)))
            }
        }
        StatusBoard.clear()
        stage.enter(.ended)
    }

    /// A channel is worth more than its control socket: only one that was asked for has to be.
    private func serve(
        _ place: ControlPlace, _ channels: ChannelSet, _ site: WebServer?
    ) throws -> ControlServer? {
        do throws(ControlFailure) {
            _ = ControlSocket.living(place.environment)
            let path =
                if let path = place.path { path } else {
                    try ControlSocket.ownPath(place.environment)
                }
            let tally = ControlTally()
            let desk = ControlDesk(channels, site, tally)
            return try ControlServer(path: path, tally: tally) { desk.answer($0, on: $1) }
        } catch {
            if place.isWanted {
                channels.stop()
                _ = channels.waitForEnd(seconds: 1)
                throw CommandFailure.run("control socket: \(error)")
            }
            logger.warning("no control socket: \(error)")
            return nil
        }
    }

    /// Who asks for HTTP gets it or is told why not.
    private func publish(_ address: WebAddress, _ channels: ChannelSet) throws -> WebServer {
        do {
            let logger = logger
            let site = try LiveRun.wait {
                try await WebServer(address, logger: logger) {
                    channels.all.map(\.status).compactMap { WebChannel($0) }
                }
            }
            var place = address
            place.port = UInt16(clamping: site.port)
            logger.info("http at \(place)")
            return site
        } catch {
            channels.stop()
            _ = channels.waitForEnd(seconds: 1)
            throw CommandFailure.run("http: \(error)")
        }
    }

    /// Waits on this thread, which is none of Swift's own.
    private static func wait<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Value, any Error>?>(nil)
        Task {
            do {
                let value = try await body()
                result.withLock { $0 = .success(value) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        guard let found = result.withLock({ $0 }) else { throw CancellationError() }
        return try found.get()
    }

    /// A configuration with mistakes changes nothing.
    private func reload(_ channels: ChannelSet) {
        guard let reread else {
            return logger.notice("SIGHUP: there is no configuration file to read again")
        }
        do {
            channels.apply(try reread())
        } catch {
            let text = (error as? CommandFailure)?.message ?? "\(error)"
            for line in text.split(separator: "\n") { logger.error("\(line)") }
            logger.error("the configuration was not reloaded; all goes on as before")
        }
    }

    /// Blocks signals in this thread and in those that it makes.
    private static func block(_ numbers: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
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
