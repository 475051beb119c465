// Where a channel's output stands, for the process after this one: a small file that is mapped into
// memory and written while datagrams leave. What is killed has written all of it; nothing is to be
// saved at the end, and nothing is ever waited for.
//
//   0       attacca's mark and the version of this format
//   64      record A  | number, PCR, when it left (wall clock), latest stamp, tables and RTP, check
//   128     record B  | written in turns: of a torn one the other is whole
//   1024    tables A  | PAT and PMT sections as they were sent, each behind its length
//   4096    tables B  | written in turns; a record names the one that is good
//   8192    the continuity counter of each of 8192 PIDs, 0xFF where nothing was sent
//
// The channel whose file it is holds a lock on it. Nobody is kept from cutting it off all the same:
// then the process goes on and this file no longer (`isLost`).

import CMapping
import Glibc
import SwitchEngine
import TransportStream

/// What a process before has left.
struct SavedOutput {
    var output: OutputState
    var synchronizationSource: UInt32
    /// Of the next datagram.
    var nextSequence: UInt16
}

final class StateFile {
    enum Found {
        case nothing
        case saved(SavedOutput)
        /// Why the file says nothing; it is begun anew.
        case unreadable(String)
    }

    private static let bytes = 16_384
    /// "ATTACCA" and the format's version.
    private static let mark: UInt64 = 0x4154_5441_4343_4101
    private static let versionMask: UInt64 = 0xFF
    private static let recordPlaces = [64, 128]
    private static let tablePlaces = [1024, 4096]
    private static let mapOffset = 1500
    private static let longestSection = 1024
    private static let counterPlace = 8192

    private let descriptor: Int32
    private let memory: UnsafeMutableRawPointer
    private var isOpen = true
    private(set) var found = Found.nothing
    private var trail: OutputTrail
    private var source: UInt32 = 0
    private var number: UInt64 = 0
    private var tableChanges = 0
    private var hasTables = false
    /// Which of the two tables is good.
    private var table = 0
    private var sentAt: Int64 = 0

    /// Opens, or makes, the file and reads what it says.
    /// - Throws: where it can not be used: another process has it, or it is somebody else's file.
    init(path: String) throws(IOFailure) {
        trail = OutputTrail()
        let what = "state '\(path)'"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system(what) }
        let memory: UnsafeMutableRawPointer
        do throws(IOFailure) {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw errno == EWOULDBLOCK
                    ? IOFailure("\(what): another channel or process uses it") : .system(what)
            }
            memory = try StateFile.map(descriptor, what)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.memory = memory
        found = read()
        if case .saved(let saved) = found {
            trail = OutputTrail(continuing: saved.output)
            hasTables = true
        } else {
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: StateFile.bytes)
            let counters = memory + StateFile.counterPlace
            counters.initializeMemory(
                as: UInt8.self, repeating: OutputTrail.unseen, count: PID.count)
            store(StateFile.mark, at: 0)
        }
    }

    deinit { close() }

    private static func map(
        _ descriptor: Int32, _ what: String
    ) throws(IOFailure) -> UnsafeMutableRawPointer {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .system(what) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw IOFailure("\(what): expected a file")
        }
        if facts.st_size > 0 {
            // A wrong path must not cost somebody a recording.
            var first: UInt64 = 0
            let count = pread(descriptor, &first, 8, 0)
            let isOurs = count == 8 && first & ~versionMask == mark & ~versionMask
            guard isOurs || first == 0 && facts.st_size <= bytes else {
                throw IOFailure("\(what): the file is no state of attacca's, and is left alone")
            }
        }
        // All of it, with its blocks: a full disk must not show when it is written to.
        guard ftruncate(descriptor, off_t(bytes)) == 0 else { throw .system(what) }
        let status = posix_fallocate(descriptor, 0, off_t(bytes))
        guard status == 0 else { throw .system(what, status) }
        guard let memory = cmapping_map(descriptor, bytes) else { throw .system(what) }
        return memory
    }

    /// Somebody has cut the file off, or its disk fails: what is noted goes nowhere.
    var isLost: Bool { isOpen && cmapping_is_lost(memory) != 0 }

    // MARK: Writing

    /// RTP's SSRC of the channel, which goes on too.
    func use(synchronizationSource: UInt32) { source = synchronizationSource }

    /// A datagram leaves now. Noted before it is sent: a counter that is one ahead means packets
    /// lost, one behind would mean the same one twice.
    func note(_ packets: Span<UInt8>, _ datagram: DueDatagram) {
        guard isOpen else { return }
        let hasClock = trail.take(packets)
        let counters = memory + StateFile.counterPlace
        var at = 0
        while at + Packet.size <= packets.count {
            let pid = PacketHeader.pid(packets, at: at)
            counters.storeBytes(
                of: trail.counters[pid.index], toByteOffset: pid.index, as: UInt8.self)
            at += Packet.size
        }
        if trail.tableChanges != tableChanges { writeTables() }
        if hasClock { sentAt = HostClock.wallClock(of: HostClock.now) }
        writeRecord(datagram.sequence)
    }

    private func writeTables() {
        guard !trail.map.isEmpty, trail.map.count <= StateFile.longestSection,
            trail.association.count <= StateFile.longestSection
        else { return }
        tableChanges = trail.tableChanges
        hasTables = true
        table = 1 - table
        let place = StateFile.tablePlaces[table]
        write(trail.association, at: place)
        write(trail.map, at: place + StateFile.mapOffset)
    }

    private func write(_ section: [UInt8], at place: Int) {
        (memory + place).storeBytes(of: UInt16(section.count), as: UInt16.self)
        section.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: memory + place + 2, count: $0.count)
                .copyMemory(from: $0)
        }
    }

    private func writeRecord(_ sequence: UInt16) {
        guard hasTables, let clock = trail.clock, let stamp = trail.latestStamp, sentAt != 0
        else { return }
        number &+= 1
        var place = StateFile.recordPlaces[Int(number & 1)]
        var check = StateFile.checkSeed
        func put(_ word: UInt64) {
            store(word, at: place)
            check = StateFile.check(check, word)
            place += 8
        }
        put(number)
        put(UInt64(bitPattern: clock))
        put(UInt64(bitPattern: sentAt))
        put(UInt64(bitPattern: stamp))
        put(UInt64(table) | UInt64(sequence) << 16 | UInt64(source) << 32)
        store(check, at: place)
    }

    private func store(_ word: UInt64, at place: Int) {
        memory.storeBytes(of: word, toByteOffset: place, as: UInt64.self)
    }

    /// FNV-1a over the words of a record.
    private static let checkSeed: UInt64 = 0xCBF2_9CE4_8422_2325
    private static func check(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        (hash ^ word) &* 0x0000_0100_0000_01B3
    }

    // MARK: Reading

    private func load(_ place: Int) -> UInt64 {
        memory.loadUnaligned(fromByteOffset: place, as: UInt64.self)
    }

    private func read() -> Found {
        let first = load(0)
        if first == 0 { return .nothing }
        guard first == StateFile.mark else {
            return .unreadable("it is of another version of attacca")
        }
        let records = StateFile.recordPlaces.map { place in (0..<6).map { load(place + 8 * $0) } }
        let whole = records.filter {
            $0.prefix(5).reduce(StateFile.checkSeed, StateFile.check) == $0[5]
        }
        guard let newest = whole.max(by: { $0[0] < $1[0] }) else {
            return records.allSatisfy { $0.allSatisfy { $0 == 0 } }
                ? .nothing : .unreadable("it is damaged")
        }
        // It counts datagrams: no process comes near its end, and the next one must not either.
        guard newest[0] <= UInt64.max - 1 << 40 else { return .unreadable("it is damaged") }
        number = newest[0]
        table = Int(newest[4] & 1)
        let wall = Int64(bitPattern: newest[2])
        let place = StateFile.tablePlaces[table]
        let counters = (0..<PID.count).map {
            memory.load(fromByteOffset: StateFile.counterPlace + $0, as: UInt8.self)
        }
        let output = OutputState(
            association: section(at: place), map: section(at: place + StateFile.mapOffset),
            counters: counters, clock: Int64(bitPattern: newest[1]),
            latestStamp: Int64(bitPattern: newest[3]),
            dueAt: HostClock.instant(ofWallClock: wall))
        guard let output, wall > 0 else { return .unreadable("it is damaged") }
        return .saved(
            SavedOutput(
                output: output, synchronizationSource: UInt32(newest[4] >> 32),
                nextSequence: UInt16(truncatingIfNeeded: newest[4] >> 16) &+ 1))
    }

    private func section(at place: Int) -> [UInt8] {
        let count = Int(memory.loadUnaligned(fromByteOffset: place, as: UInt16.self))
        guard count <= StateFile.longestSection else { return [] }
        return (0..<count).map { memory.load(fromByteOffset: place + 2 + $0, as: UInt8.self) }
    }

    /// Nothing is written any more, and another process may go on.
    func close() {
        guard isOpen else { return }
        isOpen = false
        cmapping_unmap(memory, StateFile.bytes)
        Glibc.close(descriptor)
    }
}
