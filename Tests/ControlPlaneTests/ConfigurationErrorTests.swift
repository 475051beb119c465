// What is said of wrong configurations: file, line, key, what stands there, what is allowed; and
// never a secret.

import ControlPlane
import SwitchIO
import Testing

/// A wrong configuration, and the beginning of the complaint and a word of its end.
struct Misconfiguration: Sendable, CustomStringConvertible {
    var text: String
    var complaint: String
    var allowed: String
    var description: String { complaint }

    init(_ text: String, _ complaint: String, _ allowed: String) {
        self.text = text
        self.complaint = complaint
        self.allowed = allowed
    }

    /// A channel that is right but for these lines, the first of which is line 4.
    init(key lines: String, _ complaint: String, _ allowed: String) {
        let body = lines.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
        self.init(
            "channels:\n  - inputs: [udp://:5000]\n    outputs: [out.ts]\n\(body)\n", complaint,
            allowed)
    }

    /// An input that is wrong; line 3 on.
    init(input lines: String, _ complaint: String, _ allowed: String) {
        let body = lines.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
        self.init(
            "channels:\n  - inputs:\n      -\n\(body)\n    outputs: [out.ts]\n", complaint, allowed)
    }
}

@Suite struct ConfigurationErrorTests {
    @Test func anErrorNamesFileLineKeyAndWhatIsAllowed() {
        let error = ConfigurationError(
            source: "a.yaml", line: 7, key: "channels[0].hold-back", found: "'soon'",
            allowed: "a time such as 2s")
        #expect(
            "\(error)" == "a.yaml:7: channels[0].hold-back: found 'soon'; "
                + "allowed: a time such as 2s")
    }

    static let shapes = [
        Misconfiguration("", "a.yaml:1: YAML: found nothing", "channels:"),
        Misconfiguration(
            "channels: [", "a.yaml:1: YAML: found what is no YAML: did not", "in quotes"),
        Misconfiguration(
            "a:\n\tb", "a.yaml:2: YAML: found what is no YAML: found char", "channels:"),
        Misconfiguration("a: 1\na: 2", "a.yaml:1: YAML: found a key twice: 'a'", "channels:"),
        Misconfiguration("- a", "a.yaml:1: : found a list", "channels"),
        Misconfiguration("{}", "a.yaml:1: : found no channels", "a list"),
        Misconfiguration(
            "channel: []", "a.yaml:1: channel: found an unknown key", "channels, prob"),
        Misconfiguration("channels:", "a.yaml:1: channels: found nothing", "a list of channels"),
        Misconfiguration("channels: []", "a.yaml:1: channels: found an empty list", "a list"),
        Misconfiguration("channels: {a: 1}", "a.yaml:1: channels: found keys", "a list"),
        Misconfiguration("channels: [a]", "a.yaml:1: channels[0]: found 'a'", "name, inputs"),
        Misconfiguration(
            "channels:\n  - outputs: [a.ts]", "a.yaml:2: channels[0].inputs: found nothing",
            "list"),
        Misconfiguration(
            "channels:\n  - inputs: [a.ts]", "a.yaml:2: channels[0].outputs: found nothing",
            "list"),
        Misconfiguration(
            key: "inputs2: [a]", "a.yaml:4: channels[0].inputs2: found an unknown key",
            "inputs, p"),
        Misconfiguration(
            key: "hold_back: 2s", "a.yaml:4: channels[0].hold_back: found an unknown key",
            "hold-back, probably; all: name, inputs, outputs"),
        Misconfiguration(
            key: "zzz: 2s", "a.yaml:4: channels[0].zzz: found an unknown key", "name, inputs, out"),
        Misconfiguration(
            key: "name: a b", "a.yaml:4: channels[0].name: found 'a b'", "1 to 64 letters"),
        Misconfiguration(
            key: "name: ${NO}", "a.yaml:4: channels[0].name: found ${NO}, which is not set",
            "a variable"),
    ]

    static let values = [
        ("hold-back: 2", "hold-back: found '2'", "from 0s to 60s"),
        ("hold-back: 61s", "hold-back: found '61s'", "300ms, 2s, 1.5m, from 0s to 60s"),
        ("hold-back: [1s]", "hold-back: found a list", "from 0s"),
        ("hold-back:", "hold-back: found nothing", "from 0s"),
        ("align: luck", "align: found 'luck'", "auto, timestamps, arrival"),
        ("return: later", "return: found 'later'", "never, now, or a time"),
        ("wait: -1s", "wait: found '-1s'", "to 600s"),
        ("mux-rate: 8Q", "mux-rate: found '8Q'", "8M, 500k"),
        ("program: 0", "program: found '0'", "1 to 65535"),
        ("start-grace: x", "start-grace: found 'x'", "a time"),
        ("standstill: x", "standstill: found 'x'", "a time"),
        ("all-gone: black", "all-gone: found 'black'", "tables, silence"),
        ("pre-roll: 2m", "pre-roll: found '2m'", "to 60s"),
        ("flapping: {limit: x}", "flapping.limit: found 'x'", "a time"),
        ("flapping: {decay: 0}", "flapping.decay: found '0'", "from 1s"),
        ("flapping: 5m", "flapping: found '5m'", "limit, first-step, decay"),
        ("state: udp://:5000", "state: found", "a file of this channel's own"),
        ("state: [a]", "state: found a list", "such as /var/lib"),
        ("state: ./out.ts", "state: found what channels[0].outputs[0] uses", "a file of its own"),
        ("cue: {target: inptu1}", "cue.target: found 'inptu1'", "input1, probably"),
        ("cue: {origin: input1}", "cue.origin: found it without a target", "target"),
        ("cue: {target: input1, origin: input1}", "cue.origin: found the target", "another"),
        ("detection: {silence: 1ms}", "detection.silence: found '1ms'", "off, a time"),
        ("detection: {silence: {trip: x}}", "detection.silence.trip: found 'x'", "a time"),
        ("detection: {slience: 1s}", "detection.slience: found an unknown key", "silence, prob"),
        ("detection: {bitrate-floor: 1}", "detection.bitrate-floor: found '1'", "a bit rate"),
        ("detection: {bitrate-floor: {trip: 1s}}", "detection.bitrate-floor: found no thr", "rate"),
        ("detection: {scrambled: -1}", "detection.scrambled: found '-1'", "0 to 1000000"),
    ].map { Misconfiguration(key: $0.0, "a.yaml:4: channels[0].\($0.1)", $0.2) }

    static let inputs = [
        ("name: a", "4: channels[0].inputs[0].url: found nothing", "url, or links"),
        ("url: udp://:0", "4: channels[0].inputs[0].url, port: found '0'", "1 to 65535"),
        ("url: [a]", "4: channels[0].inputs[0].url: found a list", "srt://:9001"),
        (
            "url: srt://h:9?passphrase=short", "4: channels[0].inputs[0].url, passphrase: found 5",
            "10"
        ),
        ("url: a.ts\nlinks: [b.ts]", "5: channels[0].inputs[0].links: found links bes", "one of"),
        ("links: ['udp:']", "4: channels[0].inputs[0].links[0]: found 'udp' without", "udp://"),
        ("links:", "4: channels[0].inputs[0].links: found nothing", "a list of addresses"),
        ("url: a.ts\nbond: merge", "5: channels[0].inputs[0].bond: found bond for a", "links"),
        (
            "links: [a.ts]\nbond: group", "5: channels[0].inputs[0].bond: found 'group'",
            "merge, main-"
        ),
        (
            "links: [a.ts]\nskew: 1s", "5: channels[0].inputs[0].skew: found it with bond: m",
            "merge"
        ),
        (
            "links: [a.ts]\nbond: merge\ncold: true", "6: channels[0].inputs[0].cold: found it",
            "main"
        ),
        (
            "links: [a.ts]\nbond: merge\nskew: 2s", "6: channels[0].inputs[0].skew: found '2s'",
            "to 1500ms"
        ),
        ("links: [a.ts]\ncold: yes", "5: channels[0].inputs[0].cold: found 'yes'", "true or false"),
        ("links: [a.ts]\ntrip: 1ms", "5: channels[0].inputs[0].trip: found '1ms'", "from 20ms"),
        (
            "links: [a.ts]\nclear: x", "5: channels[0].inputs[0].clear: found 'x'",
            "never, or a time"
        ),
        ("links: [a.ts]\nrequired-rate: x", "5: channels[0].inputs[0].required-rate: f", "8M"),
        ("url: a.ts\nslate: 1", "5: channels[0].inputs[0].slate: found '1'", "true or false"),
        ("url: a.ts\ndetection: {x: 1}", "5: channels[0].inputs[0].detection.x: found", "silence"),
    ].map { Misconfiguration(input: $0.0, "a.yaml:\($0.1)", $0.2) }

    @Test(arguments: shapes + values + inputs)
    func aMistakeIsTold(_ case: Misconfiguration) {
        let errors = complaints(`case`.text)
        let told = errors.contains {
            $0.hasPrefix(`case`.complaint)
                && ($0.components("; allowed: ").last ?? "").contains(`case`.allowed)
        }
        #expect(told, "\(errors)")
        #expect(errors.count == 1, "\(errors)")
    }

    @Test(arguments: [
        (
            "[udp://:5000, udp://:5000]", "[a.ts]",
            "inputs[1]: found port 5000, which channels[0].inputs[0]"
        ),
        ("[udp://:5000, 'udp://@239.1.1.1:5000']", "[a.ts]", "inputs[1]: found port 5000"),
        ("[udp://:5000, 'udp://[::]:5000']", "[a.ts]", "inputs[1]: found port 5000"),
        ("[udp://:5000, 'srt://:5000']", "[a.ts]", "inputs[1]: found port 5000"),
        ("[srt://:5000, 'srt://:5000']", "[a.ts]", "inputs[1]: found port 5000"),
        ("[srt://:5000, 'srt://192.0.2.1:5000?mode=listener']", "[a.ts]", "inputs[1]: found port"),
        ("[srt://:5000?streamid=a]", "['srt://:5000?streamid=a']", "outputs[0]: found port 5000"),
        (
            "[{links: ['udp://@239.1.1.1:5000', 'udp://@239.1.1.1:5000']}]", "[a.ts]",
            "inputs[0].links[1]: found port 5000, which channels[0].inputs[0].links[0]"
        ),
        ("['-', '-']", "[a.ts]", "inputs[1]: found standard input again"),
        ("[a.ts]", "['./a.ts']", "outputs[0]: found what channels[0].inputs[0]"),
        ("[a.ts]", "['-', '-']", "outputs[1]: found what channels[0].outputs[0]"),
        ("[a.ts]", "['udp://H:5', 'rtp://h:5']", "outputs[1]: found what channels[0].outputs[0]"),
        ("[a.ts]", "['srt://h:5', 'srt://h:5']", "outputs[1]: found what channels[0].outputs[0]"),
        (
            "[{name: a, url: a.ts}, {name: a, url: b.ts}]", "[c.ts]",
            "inputs[1].name: found a second"
        ),
        ("[{name: input2, url: a.ts}, b.ts]", "[c.ts]", "inputs[1]: found a second input"),
        ("[a.ts]", "[{name: a, url: x.ts}, {name: a, url: y.ts}]", "outputs[1].name: found a sec"),
    ])
    func whatIsThereTwiceIsTold(inputs: String, outputs: String, complaint: String) {
        let errors = complaints("channels:\n  - inputs: \(inputs)\n    outputs: \(outputs)\n")
        #expect(errors.count == 1, "\(errors)")
        let line = complaint.hasPrefix("inputs") ? 2 : 3
        let told = errors.first?.hasPrefix("a.yaml:\(line): channels[0].\(complaint)")
        #expect(told == true, "\(errors)")
    }

    @Test func channelsShareNeitherNamesNorPorts() {
        let channel = "{name: a, inputs: ['udp://:5000'], outputs: [a.ts]}"
        let errors = complaints("channels:\n  - \(channel)\n  - \(channel)\n")
        #expect(errors.count == 3, "\(errors)")
        #expect(errors.allSatisfy { $0.hasPrefix("a.yaml:3: channels[1].") })
    }

    @Test func allMistakesAreToldInTheOrderOfTheLines() {
        let errors = complaints(
            """
            channels:
              - inputs: [udp://:0, srt://:1?mode=x]
                outputs: ["udp://:1"]
                hold-back: soon
                hold-bakc: 1s
            """)
        #expect(errors.map { String($0.dropFirst(7).prefix(1)) } == ["2", "2", "3", "4", "5"])
    }

    @Test func aCommandLineIsToldByItsOptions() {
        func told(
            _ inputs: [String], _ outputs: [String], _ options: [(String, String)]
        ) -> String {
            do {
                let options = options.map { (key: $0.0, value: $0.1) }
                _ = try ChannelPlan.from(inputs: inputs, outputs: outputs, options: options)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(
            told([], ["-"], [])
                == "command line: inputs: found nothing; allowed: a list of inputs")
        #expect(
            told(["a.ts", "b=srt://h:0"], ["-"], [])
                .hasPrefix("command line: -i 2, port: found '0'"))
        #expect(told(["a.ts"], ["x:y"], []).hasPrefix("command line: -o 1, scheme: found 'x:'"))
        #expect(
            told(["a.ts"], ["-"], [("wait", "x")]).hasPrefix("command line: --wait: found 'x'"))
    }

    @Test func groupsThatTheLibraryDoesNotHaveAreToldWithTheWayToThem() {
        let text = """
            channels:
              - inputs: ["srt://:9001?groupconnect=1", srt://:9002]
                outputs: ["srt://a:1,b:1?grouptype=backup"]
            """
        let errors = complaints(text, hasSocketGroups: false)
        #expect(errors.count == 2, "\(errors)")
        #expect(errors.first?.hasPrefix("a.yaml:2: channels[0].inputs[0]: found socket") == true)
        #expect(errors.last?.hasPrefix("a.yaml:3: channels[0].outputs[0]: found socket") == true)
        #expect(errors.allSatisfy { $0.contains("'make libsrt-bonding'") })
        #expect(complaints(text, hasSocketGroups: true) == [])
    }

    private func complaints(
        _ text: String, _ environment: [String: String] = [:], hasSocketGroups: Bool = false
    ) -> [String] {
        do {
            _ = try Configuration.read(
                text, source: "a.yaml", environment: environment, hasSocketGroups: hasSocketGroups)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = [], rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
