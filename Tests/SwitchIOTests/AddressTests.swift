import SwitchIO
import Testing

@Suite struct AddressTests {
    @Test func anSRTAddressWaitsOneHundredTwentyMillisecondsUnlessToldOtherwise() {
        // libsrt's own default latency.
        let address = SRTAddress(mode: .caller, endpoint: HostPort(host: "192.0.2.7", port: 9000))
        #expect(address.latencyMilliseconds == 120 && address.passphrase == nil)
    }
}
