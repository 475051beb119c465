// The little of JSON (RFC 8259) that a report needs: written, never read.

/// A JSON value. Members of an object keep their order, so that reports can be compared as text.
indirect enum JSONValue {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A number that is already text.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    static func optional(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }

    /// 27 MHz ticks as seconds with nine digits.
    static func seconds(_ ticks: Int64?) -> JSONValue {
        ticks.map { .number(FixedPoint.text($0, over: 27_000_000, places: 9)) } ?? .null
    }

    /// 27 MHz ticks as milliseconds with six digits.
    static func milliseconds(_ ticks: Int64?) -> JSONValue {
        ticks.map { .number(FixedPoint.text($0, over: 27_000, places: 6)) } ?? .null
    }

    /// The text, indented by two blanks a level.
    func text(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .number(let text): return text
        case .string(let text): return JSONValue.quoted(text)
        case .array(let values):
            if values.isEmpty { return "[]" }
            let lines = values.map { inner + $0.text(indent: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n" + indent + "]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let lines = members.map {
                inner + JSONValue.quoted($0.0) + ": " + $0.1.text(indent: inner)
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n" + indent + "}"
        }
    }

    /// RFC 8259 §7.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 {
                    let hex = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
