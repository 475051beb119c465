// Configurations that are right, and what they mean.

import ControlPlane
import Foundation
import SwitchEngine
import SwitchIO
import Testing

let second: Int64 = 1_000_000_000

func read(_ text: String, _ environment: [String: String] = [:]) throws -> [ChannelPlan] {
    try Configuration.read(text, source: "a.yaml", environment: environment)
}

@Suite struct ConfigurationTests {
    static func readmeExample() throws -> String {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        let example = text.components(separatedBy: "```yaml\n").dropFirst().first?
            .components(separatedBy: "```").first
        return try #require(example)
    }

    @Test func theExampleOfTheReadmeIsReadWhole() throws {
        let plans = try read(
            ConfigurationTests.readmeExample(), ["MAIN_PASSPHRASE": "correct&horse"])
        let plan = try #require(plans.first)
        #expect(plans.count == 1 && plan.name == "one")
        #expect(plan.engine.inputs.map(\.name) == ["main", "backup", "pull", "twin", "slate"])
        #expect(
            plan.outputs.map(\.name) == ["output1", "readers", "output3", "output4", "output5"])

        guard case .srt(let main) = plan.inputs[0].links[0] else {
            Issue.record("no SRT")
            return
        }
        #expect(main.mode == .listener && main.latencyMilliseconds == 200)
        #expect(main.passphrase == "correct&horse" && main.streamID == "#!::r=one,m=publish")
        #expect(plan.inputs[1].bond == .mainBackup(MainBackupPlan()))
        #expect(plan.inputs[1].links.count == 1 && plan.engine.inputs[1].program == 1)
        #expect(plan.engine.inputs[1].detection?.bitrateFloor?.threshold == 2_000_000)
        #expect(plan.engine.inputs[1].detection?.continuityErrors == nil)
        var bond = MainBackupPlan()
        bond.isCold = true
        bond.requiredBitsPerSecond = 1_000_000
        #expect(plan.inputs[2].bond == .mainBackup(bond))
        #expect(plan.inputs[3].bond == .merge(skewWindow: 450_000_000))
        #expect(plan.inputs[3].links.count == 2)
        #expect(plan.inputs[4].links == [.file(path: "slate.ts", isLooped: true)])
        #expect(plan.engine.inputs[4].isSlate && plan.engine.inputs[4].detection == nil)
        #expect(plan.outputs[2].address == .file(path: "/var/lib/attacca/one.ts"))
        #expect(plan.engine.cue == CuePolicy(target: InputID(2), origin: InputID(0)))
        #expect(plan.engine.muxRate == 8_000_000)
        #expect(plan.state == "/var/lib/attacca/one.state")
    }

    @Test func theExampleTellsTheDefaults() throws {
        // What the README's comments do not call different is what stands in the engine.
        let plans = try read(ConfigurationTests.readmeExample(), ["MAIN_PASSPHRASE": "0123456789"])
        let engine = try #require(plans.first?.engine)
        let usual = ChannelConfiguration(inputs: [])
        #expect(engine.holdBack == usual.holdBack && engine.alignment == usual.alignment)
        #expect(engine.returning == usual.returning && engine.flapping == usual.flapping)
        #expect(engine.plannedWait == usual.plannedWait && engine.preRoll == usual.preRoll)
        #expect(engine.startGrace == usual.startGrace && engine.standstill == usual.standstill)
        #expect(engine.standstillMode == usual.standstillMode)
        var detection = usual.detection
        #expect(
            detection.continuityErrors == Detection.Limit(20, trip: second, clear: 5 * second))
        detection.continuityErrors = nil
        #expect(engine.detection == detection)
    }

    @Test func oneInputAndOneOutputAreEnough() throws {
        let plans = try read("channels: [{inputs: ['srt://:9001'], outputs: ['-']}]")
        let plan = try #require(plans.first)
        #expect(plan.name == "channel1" && plan.engine.inputs.map(\.name) == ["input1"])
        #expect(plan.outputs.map(\.name) == ["output1"])
        #expect(plan.outputs.first?.address == .standardOutput)
        #expect(plan.engine.holdBack == 2 * second && plan.engine.returning == .never)
        #expect(plan.inputs.first?.bond == .mainBackup(MainBackupPlan()))
    }

    @Test func theOrderOfKeysDoesNotMatter() throws {
        let plans = try read(
            """
            channels:
              - outputs: [udp://239.1.1.1:5000]
                inputs:
                  - detection: {silence: {trip: 1s}, scrambled: off}
                    url: udp://:5000
                  - {url: "udp://:5001", program: 7}
                program: 3
                detection: {silence: 300ms, scrambled: 5}
                return: 30s
              - {name: two, inputs: [a.ts], outputs: [b.ts], return: now, hold-back: 0}
            """)
        let one = plans[0].engine
        #expect(one.inputs.map(\.program) == [3, 7])
        #expect(one.returning == .after(nanoseconds: 30 * second))
        #expect(one.inputs[0].detection?.silence == Detection.Limit(300_000_000, trip: second))
        #expect(one.inputs[0].detection?.scrambled == nil && one.inputs[1].detection == nil)
        #expect(one.detection.scrambled?.threshold == 5)
        #expect(plans[1].engine.returning == .atOnce && plans[1].engine.holdBack == 0)
    }

    @Test func aliasesAndVariablesStandForValues() throws {
        let plans = try read(
            """
            channels:
              - name: ${NAME}-1
                inputs:
                  - udp://:${PORT}
                outputs: ["${OUT}"]
                detection: &quick {silence: "${SILENCE}"}
              - {inputs: ['udp://:5001'], outputs: [c.ts], detection: *quick}
            """,
            [
                "NAME": "tv", "PORT": "5000", "OUT": "udp://239.1.1.1:5000?ttl=2",
                "SILENCE": "1s",
            ])
        #expect(plans.map(\.name) == ["tv-1", "channel2"])
        #expect(plans.map(\.engine.detection.silence?.threshold) == [second, second])
        #expect(plans[0].outputs[0].address.description == "udp://239.1.1.1:5000?ttl=2")
    }

    @Test func addressesThatShareAPortRightlyAreTaken() throws {
        let plans = try read(
            """
            channels:
              - inputs:
                  - srt://:9001?streamid=a
                  - srt://:9001?streamid=b
                  - srt://:9001
                  - udp://@239.1.1.1:5000
                outputs: [srt://h:9001?streamid=a, srt://h:9001?streamid=b, /dev/null]
              - inputs: [udp://@239.1.1.1:5000, "udp://@239.1.1.2:5000", "udp://127.0.0.1:5000"]
                outputs: ["srt://:9001?streamid=c", /dev/null]
            """)
        #expect(plans.count == 2)
    }

    @Test func aCommandLineMakesAChannel() throws {
        let plan = try ChannelPlan.from(
            inputs: ["main=srt://:9001?passphrase=${KEY}", "udp://:5000", "./a=b.ts"],
            outputs: ["udp://239.1.1.1:5000", "rec=-"],
            options: [("hold-back", "4s"), ("return", "10s"), ("program", "2")],
            environment: ["KEY": "0123456789"])
        #expect(plan.engine.inputs.map(\.name) == ["main", "input2", "input3"])
        #expect(plan.engine.inputs.map(\.program) == [2, 2, 2])
        #expect(plan.inputs[2].links == [.file(path: "./a=b.ts", isLooped: false)])
        #expect(plan.outputs.map(\.name) == ["output1", "rec"])
        #expect(plan.engine.holdBack == 4 * second)
        #expect(plan.engine.returning == .after(nanoseconds: 10 * second))
    }

    @Test(arguments: ["card.png", "{still: card.png}", "{clip: card.png}"])
    func aSlateThatIsMadeIsAnInputOfLastResortBehindTheOthers(_ slate: String) throws {
        let text = """
            channels:
              - inputs: ["udp://:5000", "udp://:5001"]
                outputs: ["udp://127.0.0.1:6000"]
                slate: \(slate)
            """
        let plan = try Configuration.read(text, source: "test", environment: [:])[0]
        #expect(plan.inputs.map(\.links).last == [.media(.slate(picture: "card.png"))])
        #expect(plan.engine.inputs.map(\.isSlate) == [false, false, true])
    }

    @Test(arguments: ["''", "{}", "{still: a, clip: b}", "https://host/card.png", "[card.png]"])
    func aSlateOfNothingIsRefused(_ slate: String) {
        let text = """
            channels:
              - inputs: ["udp://:5000"]
                outputs: ["udp://127.0.0.1:6000"]
                slate: \(slate)
            """
        #expect(throws: ConfigurationFailure.self) {
            try Configuration.read(text, source: "test", environment: [:])
        }
    }
}
