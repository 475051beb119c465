// Columns that line up.

/// Rows of text cells; the first row is the head.
struct TextTable {
    private var rows: [[String]]
    /// Columns that hold numbers stand flush right.
    private let numbers: Set<Int>

    init(_ head: [String], numbers: Set<Int>) {
        rows = [head]
        self.numbers = numbers
    }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    var isEmpty: Bool { rows.count < 2 }

    /// The rows as lines, two blanks between the columns.
    var lines: [String] {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                line += numbers.contains(column) ? blanks + cell : cell + blanks
                if column < row.count - 1 { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
