// Ports for tests. One that was free a moment ago may be given by the kernel to whoever opens a
// socket next; these stand below the range that the kernel gives away from, and two processes of
// tests never take of the same hundred.

import Foundation
import Glibc

public enum FreePorts {
    private static let first: UInt16 = 20_000
    private static let blockSize: UInt16 = 100
    private static let blockCount: UInt16 = 120

    private final class Block: @unchecked Sendable {
        // Unchecked: `used` is touched behind the lock.
        let lock = NSLock()
        let number: UInt16
        var start: UInt16 { first + number * blockSize }
        var used: UInt16 = 0

        /// The first block that nobody has. Who has one holds a socket of its name, which is gone
        /// with the process, and like ports counts for this host's network only.
        init() {
            for candidate in 0..<blockCount {
                let holder = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                let name = Array("\0attacca-test-ports-\(candidate)".utf8)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
                let length = MemoryLayout<sa_family_t>.size + name.count
                let isHeld = withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(holder, $0, socklen_t(length)) == 0
                    }
                }
                if isHeld {
                    number = candidate
                    return
                }
                close(holder)
            }
            number = 0
        }
    }

    private static let block = Block()

    /// 0 to 119: no other process of tests on this host has the same one now, so it may be part of
    /// the name of what there is once on a host.
    public static var blockNumber: Int { Int(block.number) }

    /// A port of 127.0.0.1 that is free for UDP and TCP, and that this process was not given yet.
    public static func next() throws -> UInt16 {
        try block.lock.withLock {
            for _ in 0..<blockSize {
                let port = block.start + block.used % blockSize
                block.used += 1
                if isFree(port, SOCK_DGRAM) && isFree(port, SOCK_STREAM) { return port }
            }
            throw POSIXError(.EADDRINUSE)
        }
    }

    private static func isFree(_ port: UInt16, _ kind: __socket_type) -> Bool {
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
