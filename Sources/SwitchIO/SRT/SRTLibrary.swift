// Which libsrt runs. Debian's is built without socket groups; `make libsrt-bonding` builds one that
// has them, of the same soname, so that one and the same program runs with either.

import CSRT
import Glibc

public enum SRTLibrary {
    /// libsrt begins once, and is silent: what matters is in its return values. It is never ended,
    /// since its threads may run in callbacks of ours. They take no signals: who waits for one
    /// would not get it.
    static let isStarted: Bool = {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        srt_setloglevel(Int32(LOG_CRIT))
        return srt_startup() >= 0
    }()

    /// Whether it knows socket groups. The functions are there in either build; without groups they
    /// do nothing.
    public static let hasSocketGroups: Bool = {
        guard isStarted else { return false }
        let group = srt_create_group(SRT_GTYPE_BROADCAST)
        guard group != SRT_INVALID_SOCK else { return false }
        srt_close(group)
        return true
    }()

    /// `libsrt 1.5.1 (/usr/lib/x86_64-linux-gnu/libsrt.so.1.5)`.
    public static var version: String {
        let number = srt_getversion()
        return "libsrt \(number >> 16).\(number >> 8 & 0xFF).\(number & 0xFF) (\(path ?? "?"))"
    }

    /// What is said where groups are asked for and there are none.
    public static var lackOfGroups: (found: String, allowed: String) {
        ("socket groups, which \(version) has not", howToHaveGroups)
    }

    private static let howToHaveGroups =
        "them with a libsrt that 'make libsrt-bonding' builds and "
        + "LD_LIBRARY_PATH=.build/srt/lib attacca … takes"

    static func groupsAreMissing(for address: SRTAddress) -> IOFailure? {
        guard address.group != nil, !hasSocketGroups else { return nil }
        return IOFailure(
            "\(address): found \(lackOfGroups.found); allowed: \(lackOfGroups.allowed)")
    }

    /// The file that the loader took: what stands in the process's memory map.
    private static var path: String? {
        guard let map = fopen("/proc/self/maps", "r") else { return nil }
        defer { fclose(map) }
        var bytes = [CChar](repeating: 0, count: 8192)
        while fgets(&bytes, Int32(bytes.count), map) != nil {
            let text = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let line = String(decoding: text, as: UTF8.self)
            guard let slash = line.firstIndex(of: "/") else { continue }
            let path = line[slash...].prefix { $0 != "\n" }
            let name = path.split(separator: "/").last ?? ""
            if name.hasPrefix("libsrt.so") || name.hasPrefix("libsrt-") { return String(path) }
        }
        return nil
    }
}

extension LinkAddress {
    /// Whether it asks for socket groups.
    public var asksForGroups: Bool {
        if case .srt(let address) = self { address.group != nil } else { false }
    }
}

extension OutputAddress {
    /// Whether it asks for socket groups.
    public var asksForGroups: Bool {
        if case .srt(let address) = self { address.group != nil } else { false }
    }
}
