// AMF0 against bytes worked out by hand from Adobe's specification, and against what ffmpeg sends.

import Testing

@testable import RTMP

@Suite struct AMFTests {
    /// connect, as it begins in ffmpeg's first message: name, transaction, an object.
    static let connect = bytes(
        """
        02 0007 636f6e6e656374  00 3ff0000000000000
        03 0003 617070 02 0004 6c697665  0004 74797065 02 000a 6e6f6e70726976617465  00 00 09
        """)

    @Test func aConnectIsANameANumberAndAnObject() {
        #expect(
            AMFReader.values(Self.connect) == [
                .string("connect"), .number(1),
                .object([
                    AMFProperty("app", .string("live")),
                    AMFProperty("type", .string("nonprivate")),
                ]),
            ])
    }

    @Test func whatIsReadIsWrittenTheSame() {
        #expect(AMFWriter.bytes(AMFReader.values(Self.connect)) == Self.connect)
    }

    @Test func everyKindOfValueIsRead() {
        let row = bytes(
            """
            05 06 01 01 01 00  00 c059000000000000
            08 00000007 0001 61 05 000009
            0a 00000002 05 06
            0b 4271d7c5c3c00000 0000
            0c 00000003 616263
            0d  10 0003 466f6f 0001 62 0101 000009
            """)
        #expect(
            AMFReader.values(row) == [
                .null, .undefined, .boolean(true), .boolean(false), .number(-100),
                .object([AMFProperty("a", .null)]), .array([.null, .undefined]),
                .date(Double(bitPattern: 0x4271_D7C5_C3C0_0000)), .string("abc"), .undefined,
                .object([AMFProperty("b", .boolean(true))]),
            ])
    }

    @Test func aRowEndsWhereItCanNotBeRead() {
        // An AMF3 marker, an object without its end, a string beyond the end.
        for rest in ["11 0a 0b", "03 0001 61 05", "02 00ff 61"] {
            #expect(AMFReader.values(bytes("02 0001 61" + rest)) == [.string("a")])
        }
    }

    @Test func whatLiesTooDeepOrIsTooMuchIsNotRead() {
        var deep: [UInt8] = []
        for _ in 0..<40 { deep += bytes("03 0001 61") }
        #expect(AMFReader.values(deep) == [])
        let many = [UInt8](repeating: 5, count: 60_000)
        #expect(AMFReader.values(many).count == Limits.values)
        // A count that no message can hold.
        #expect(AMFReader.values(bytes("0a ffffffff 05 05")) == [])
    }

    @Test func longStringsAndNamesGoThroughWriterAndReader() {
        let value = AMFValue.object([
            AMFProperty("long", .string(String(repeating: "ä", count: 40_000))),
            AMFProperty("", .number(0.1)), AMFProperty("x", .array([.date(12), .boolean(false)])),
        ])
        #expect(AMFReader.values(AMFWriter.bytes([value, .null])) == [value, .null])
    }
}
