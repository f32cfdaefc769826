/// The order in which a set of small whole numbers comes out of the hash table of the published program's language (CPython 2):
/// open addressing by the number itself, four times as large whenever two thirds are full. Which nodes a lease resumes on depends
/// on it there.
struct SetOrder {
    private var table: [Int?] = Array(repeating: nil, count: 8)
    private var fill = 0

    init(_ numbers: some Sequence<Int>) {
        for number in numbers { insert(number) }
    }

    var numbers: [Int] { table.compactMap { $0 } }
    var count: Int { fill }

    func contains(_ number: Int) -> Bool { table[place(number)] != nil }

    private func place(_ number: Int) -> Int {
        let mask = table.count - 1
        var (index, perturb) = (number & mask, number)
        while let here = table[index & mask], here != number {
            index = (index << 2) + index + perturb + 1
            perturb >>= 5
        }
        return index & mask
    }

    private mutating func insert(_ number: Int) {
        let index = place(number)
        guard table[index] == nil else { return }
        table[index] = number
        fill += 1
        guard fill * 3 >= table.count * 2 else { return }
        var size = 8
        while size <= fill * 4 { size *= 2 }
        let old = numbers
        table = Array(repeating: nil, count: size)
        for number in old { table[place(number)] = number }
    }
}

extension SetOrder {
    /// First the nodes where a lease slept, then others, in the order of the published program.
    static func resumeOrder(_ free: [Int32], slept: [Int32]) -> [Int32] {
        // Nodes are counted from 1 there.
        let available = SetOrder(SetOrder(free.map { Int($0) + 1 }).numbers)
        let own = SetOrder(slept.map { Int($0) + 1 })
        let (large, small) = own.count <= available.count ? (available, own) : (own, available)
        let both = SetOrder(small.numbers.filter { large.contains($0) })
        let rest = SetOrder(available.numbers.filter { !own.contains($0) })
        return (both.numbers + rest.numbers).map { Int32($0 - 1) }
    }
}
