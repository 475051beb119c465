// How long a picture lasts, as an encoder states it: in its sequence parameter set, or as a number
// of frames a second.

public enum StatedRate {
    /// 24 to 60 frames a second as 27 MHz ticks (13818-2 table 6-4), and what halves and doubles of
    /// them are in use.
    public static let wellKnown: [Int64] = [
        1_126_125, 1_125_000, 1_080_000, 900_900, 900_000, 540_000, 450_450, 450_000, 2_250_000,
        2_160_000, 1_801_800, 1_800_000, 225_225, 225_000,
    ]

    /// 27 MHz ticks of the frame that parameter sets state; 0 where they do not.
    /// - Parameter sets: NAL units without start codes.
    public static func frameTicks(_ codec: Codec, parameterSets sets: [[UInt8]]) -> Int64 {
        for set in sets {
            guard let first = set.first else { continue }
            switch codec {
            case .h264 where first & 0x1F == 7:
                let bits = UnitBuffer(unit: set).reader(from: 1)
                return H264SequenceParameters.parse(bits)?.parameters.frameTicks ?? 0
            case .hevc where first >> 1 & 0x3F == 33:
                let bits = UnitBuffer(unit: set).reader(from: 2)
                return HEVCSequenceParameters.parse(bits)?.parameters.frameTicks ?? 0
            default: continue
            }
        }
        return 0
    }

    /// 27 MHz ticks of a frame; 29.97 is 30,000 / 1,001.
    public static func exactTicks(framesPerSecond rate: Double) -> Int64 {
        guard rate.isFinite, rate >= 0.1, rate <= 1000 else { return 0 }
        let ticks = Int64((Double(StreamTime.ticksPerSecond) / rate).rounded())
        // Two decimals are usual: a well-known rate within two ten-thousandths is meant.
        return wellKnown.first { ($0 &- ticks).magnitude <= ticks.magnitude / 5000 } ?? ticks
    }
}
