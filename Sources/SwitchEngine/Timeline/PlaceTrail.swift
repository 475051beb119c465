// Where the newest packets of a stream begin in its elementary stream, to find the packet of an
// access unit that is seen to begin a few packets later.

import TransportStream

/// The last places, by elementary stream position, in constant memory.
struct PlaceTrail {
    /// Places that are remembered. An access unit is known by its first slice, the longest audio
    /// frame is shorter than 50 packets; what lies further back is found by its PES packet.
    static let capacity = 128

    /// Packets in a row; where there are several, each but the last has 184 bytes.
    private struct Place {
        var number: Int
        var position: Int64
        var packets: Int
    }

    private var places = [Place](
        repeating: Place(number: 0, position: .max, packets: 0), count: capacity)
    private var end = 0

    @inline(__always)
    mutating func append(_ number: Int, at position: Int64, packets: Int = 1) {
        places[end & (PlaceTrail.capacity - 1)] = Place(
            number: number, position: position, packets: packets)
        end &+= 1
    }

    /// The packet that holds a position; nil when it is further back.
    func packet(holding position: Int64) -> Int? {
        var index = end
        let oldest = max(0, end - PlaceTrail.capacity)
        while index > oldest {
            index -= 1
            let place = places[index & (PlaceTrail.capacity - 1)]
            guard place.position <= position else { continue }
            let behind = (position - place.position) / Int64(Packet.size - 4)
            return place.number + Int(min(behind, Int64(place.packets - 1)))
        }
        return nil
    }
}
