import ControlPlane
import Testing

@Suite struct ConfigurationErrorTests {
    @Test func anErrorNamesFileLineKeyAndWhatIsAllowed() {
        let error = ConfigurationError(
            source: "a.yaml", line: 7, key: "channels[0].hold-back", found: "'soon'",
            allowed: "a time such as 2s")
        #expect(
            "\(error)" == "a.yaml:7: channels[0].hold-back: found 'soon'; allowed: a time such as 2s")
    }
}
