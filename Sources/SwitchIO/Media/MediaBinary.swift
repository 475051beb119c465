// Where attacca-media is.

import Glibc

public enum MediaBinary {
    /// `ATTACCA_MEDIA`, or the one beside this executable.
    public static func find() throws(IOFailure) -> String {
        if let named = getenv("ATTACCA_MEDIA").map({ String(cString: $0) }), !named.isEmpty {
            guard access(named, X_OK) == 0 else { throw .system("ATTACCA_MEDIA '\(named)'") }
            return named
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { room in
            room.baseAddress.map { readlink("/proc/self/exe", $0, room.count) } ?? 0
        }
        let own = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        let folder = own.lastIndex(of: "/").map { String(own[...$0]) } ?? ""
        let path = folder + "attacca-media"
        guard access(path, X_OK) == 0 else {
            throw IOFailure(
                "attacca-media is not beside attacca ('\(path)'): build it, or name it in "
                    + "ATTACCA_MEDIA")
        }
        return path
    }
}
