// The operator's side of a control socket: ask one thing, get one answer.

import Foundation
import Glibc

public enum ControlClient {
    /// Seconds that a process may take.
    private static let patience = 5
    /// Bytes of an answer: hundreds of channels fit.
    private static let longestReply = 64 << 20

    /// Asks the process that listens at `path`. An answer that says why nothing was done is thrown.
    public static func ask(
        _ request: ControlRequest, at path: String
    ) throws(ControlFailure) -> ControlReply {
        let descriptor = try ControlSocket.made()
        defer { Glibc.close(descriptor) }
        var limit = timeval(tv_sec: patience, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard ControlSocket.connect(descriptor, try ControlSocket.address(path)) == 0 else {
            throw .system("no process answers at '\(path)'")
        }
        guard let line = try? JSONEncoder().encode(request) + Data("\n".utf8) else {
            throw ControlFailure("the request can not be written")
        }
        let sent = line.withUnsafeBytes { raw in
            send(descriptor, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == line.count else { throw .system("'\(path)'") }
        let bytes = try receive(descriptor, path)
        guard let reply = try? JSONDecoder().decode(ControlReply.self, from: bytes) else {
            throw ControlFailure("'\(path)': the process gave no answer that can be read")
        }
        if let error = reply.error { throw ControlFailure(error) }
        return reply
    }

    private static func receive(
        _ descriptor: Int32, _ path: String
    ) throws(ControlFailure) -> Data {
        var result = Data()
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while result.count < longestReply {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system("'\(path)'")
            }
            result.append(contentsOf: piece[..<count])
        }
        return result
    }
}
