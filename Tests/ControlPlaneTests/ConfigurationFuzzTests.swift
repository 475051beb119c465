// Configurations as nobody would write them: no trap, and no secret told.

import ControlPlane
import SwitchIO
import Testing

/// The same numbers for the same seed (xorshift64*).
struct Chance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

@Suite struct ConfigurationFuzzTests {
    static let secret = "zq9zq9zq9zq9"

    private func read(_ text: String) -> String {
        do {
            let plans = try Configuration.read(
                text, source: "a.yaml",
                environment: ["MAIN_PASSPHRASE": ConfigurationFuzzTests.secret])
            var dumped = "\(plans)" + String(reflecting: plans)
            dump(plans, to: &dumped)
            return dumped
        } catch {
            return error.description
        }
    }

    @Test(arguments: 1...4) func noDamageOfAConfigurationTrapsOrTellsASecret(seed: Int) throws {
        var example = try ConfigurationTests.readmeExample()
        example.replace(
            "pull2.example:9003?", with: "pull2.example:9003?passphrase=\(Self.secret)&")
        #expect(!read(example).contains("zq9"))
        var chance = Chance(seed: UInt64(seed))
        let lines = example.split(separator: "\n", omittingEmptySubsequences: false)
        let bytes = Array("-:[]{}#&*!|>'\"%@`,? \t~$=0a\u{0}\u{85}\n".utf8)
        for _ in 0..<400 {
            var damaged = lines
            for _ in 0..<Int.random(in: 0...2, using: &chance) {
                damaged.remove(at: Int.random(in: 0..<damaged.count, using: &chance))
            }
            if Bool.random(using: &chance) {
                let index = Int.random(in: 0..<damaged.count, using: &chance)
                damaged[index] = "  " + damaged[index]
            }
            var text = Array(damaged.joined(separator: "\n").utf8)
            let secret = Array(Self.secret.utf8)
            let places = text.indices.filter { text[$0...].starts(with: secret) }
                .map { $0..<($0 + secret.count) }
            for _ in 0..<Int.random(in: 0...3, using: &chance) {
                let index = Int.random(in: 0..<text.count, using: &chance)
                // A damaged secret is another one, and no passphrase; that is not the question.
                let isSecret = places.contains { $0.contains(index) }
                if !isSecret { text[index] = bytes.randomElement(using: &chance) ?? 0 }
            }
            let told = read(String(decoding: text, as: UTF8.self))
            #expect(!told.contains("zq9"), "seed \(seed): \(told)")
        }
    }

    @Test func noTextTraps() {
        var chance = Chance(seed: 5)
        let words = [
            "channels:", "\n", "  ", "- ", "{", "}", "[", "]", ",", "&a ", "*a", "!!int ", "|\n",
            "? ", ": ", "inputs: ", "outputs: ", "'", "\"", "<<: ", "---\n", "...\n",
            "%YAML 9.9\n", "\u{0}", "\u{FEFF}", "name", "url: ", "detection: ", "silence: ",
            "~", "1e999s", "0x1ps", "nan",
            "9999999999999999999h", "cue: ", "links: ", "bond: ", "${", "\t", "#", "\u{1F3B5}",
        ]
        for _ in 0..<4000 {
            let text = (0..<Int.random(in: 0...30, using: &chance))
                .map { _ in words.randomElement(using: &chance) ?? "" }.joined()
            _ = read(text)
        }
    }

    @Test func aliasesOfAliasesAreRefused() {
        var text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
        for level in 1...9 {
            let list = Array(repeating: "*x\(level - 1)", count: 10).joined(separator: ", ")
            text += "x\(level): &x\(level) [\(list)]\n"
        }
        #expect(read(text + "channels: *x9\n").contains("aliases included"))
    }

    @Test func deepNestsAreRefused() {
        for bracket in ["[", "{a: ", "- "] {
            #expect(!read("channels: \n" + String(repeating: bracket, count: 900)).isEmpty)
            #expect(!read(String(repeating: bracket, count: 20_000)).isEmpty)
        }
    }
}
