/// The candidate nearest to a misspelt word, if any is near enough to be meant.
public func nearest(_ word: String, among candidates: some Sequence<String>) -> String? {
    let best = candidates.map { ($0, editDistance(word, $0)) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(1, word.count / 3) else { return nil }
    return best.0
}

/// How many letters are wrong, missing, too many, or swapped with their neighbour.
private func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var before: [Int] = []
    var row = Array(0...right.count)
    for index in left.indices {
        var next = [index + 1]
        for column in right.indices {
            let replaced = row[column] + (left[index] == right[column] ? 0 : 1)
            var best = min(replaced, next[column] + 1, row[column + 1] + 1)
            if index > 0, column > 0, left[index] == right[column - 1], left[index - 1] == right[column] {
                best = min(best, before[column - 1] + 1)
            }
            next.append(best)
        }
        (before, row) = (row, next)
    }
    return row[right.count]
}
