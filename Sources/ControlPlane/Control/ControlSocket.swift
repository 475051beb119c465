// Where control sockets are, and how one is made: a Unix socket that only its owner may open.
//
//   --control PATH or $ATTACCA_CONTROL     that one
//   $XDG_RUNTIME_DIR/attacca-PID.sock      else, where the system gives such a folder
//   /run/attacca/PID.sock                  for root
//   /tmp/attacca-UID/PID.sock              for anybody else

import Glibc
import SwitchIO

public enum ControlSocket {
    /// A folder in which sockets are, and how their names begin.
    struct Folder: Equatable {
        var path: String
        var prefix: String
        /// Ours to make.
        var isOwn: Bool
    }

    static func folders(_ environment: [String: String], user: uid_t) -> [Folder] {
        var result: [Folder] = []
        if let path = environment["XDG_RUNTIME_DIR"], path.hasPrefix("/") {
            result.append(Folder(path: path, prefix: "attacca-", isOwn: false))
        }
        result.append(
            Folder(
                path: user == 0 ? "/run/attacca" : "/tmp/attacca-\(user)", prefix: "", isOwn: true))
        return result
    }

    /// The path that this process listens on. Makes the folder if need be.
    public static func ownPath(
        _ environment: [String: String] = [:]
    ) throws(ControlFailure) -> String {
        if let path = environment["ATTACCA_CONTROL"], !path.isEmpty { return path }
        var failure = ControlFailure("no folder for control sockets")
        for folder in folders(environment, user: getuid()) {
            do throws(ControlFailure) {
                try prepare(folder)
                return "\(folder.path)/\(folder.prefix)\(getpid()).sock"
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// A folder that others may write to would let them put a socket of theirs there.
    private static func prepare(_ folder: Folder) throws(ControlFailure) {
        if folder.isOwn, mkdir(folder.path, 0o700) != 0, errno != EEXIST {
            throw .system("'\(folder.path)'")
        }
        var facts = stat()
        guard lstat(folder.path, &facts) == 0 else { throw .system("'\(folder.path)'") }
        let isFolder = facts.st_mode & S_IFMT == S_IFDIR
        guard isFolder, facts.st_uid == getuid(), facts.st_mode & 0o022 == 0 else {
            throw ControlFailure(
                "'\(folder.path)': expected a folder of this user that nobody else can write to")
        }
    }

    /// Sockets on which somebody answers. Those of processes that are gone are removed.
    public static func living(_ environment: [String: String]) -> [String] {
        if let path = environment["ATTACCA_CONTROL"], !path.isEmpty { return [path] }
        return folders(environment, user: getuid()).flatMap { folder in
            names(in: folder.path).filter {
                $0.hasPrefix(folder.prefix) && $0.hasSuffix(".sock")
                    && Int($0.dropFirst(folder.prefix.count).dropLast(5)) != nil
            }.sorted().map { "\(folder.path)/\($0)" }.filter { isLiving($0) }
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let list = opendir(folder) else { return [] }
        defer { closedir(list) }
        var result: [String] = []
        while let entry = readdir(list) {
            result.append(
                withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return result
    }

    /// Whether somebody listens; a socket on which nobody does is removed.
    static func isLiving(_ path: String) -> Bool {
        guard let descriptor = try? made(), let address = try? address(path) else { return false }
        defer { Glibc.close(descriptor) }
        if connect(descriptor, address) == 0 { return true }
        guard errno == ECONNREFUSED else { return errno == EAGAIN }
        var facts = stat()
        if lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK,
            facts.st_uid == getuid()
        {
            unlink(path)
        }
        return false
    }

    // MARK: Descriptors

    /// Binds and listens, with mode 0600.
    static func listener(at path: String) throws(ControlFailure) -> Int32 {
        // A socket that is bound and does not listen yet looks like one that nobody has any more:
        // it gets its name last.
        let early = "\(path).new"
        let address = try address(early)
        if isLiving(path) {
            throw ControlFailure("'\(path)': another process listens there")
        }
        let descriptor = try made()
        // On Linux a socket's own mode is what its file gets: there is no moment in between.
        fchmod(descriptor, 0o600)
        unlink(early)
        let isBound = withSockaddr(address) { Glibc.bind(descriptor, $0, $1) } == 0
        guard isBound, chmod(early, 0o600) == 0, Glibc.listen(descriptor, 64) == 0,
            rename(early, path) == 0
        else {
            let failure = ControlFailure.system("'\(path)'")
            Glibc.close(descriptor)
            if isBound { unlink(early) }
            throw failure
        }
        return descriptor
    }

    static func made() throws(ControlFailure) -> Int32 {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        return descriptor
    }

    static func address(_ path: String) throws(ControlFailure) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else {
            throw ControlFailure(
                "control socket: found a path of \(bytes.count) bytes; allowed: 1 to \(room)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    static func connect(_ descriptor: Int32, _ address: sockaddr_un) -> Int32 {
        withSockaddr(address) { Glibc.connect(descriptor, $0, $1) }
    }

    private static func withSockaddr<Result>(
        _ address: sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

extension ControlFailure {
    static func system(_ what: String, _ code: Int32 = errno) -> ControlFailure {
        ControlFailure("\(what): \(String(cString: strerror(code)))")
    }
}
