/// The largest room of every lane, halving over halving: finds the next node with room without looking at those that have none.
struct RoomTree: Sendable {
    private(set) var rooms: [Room]
    /// The number of leaves, a power of two.
    let width: Int

    init(_ leaves: [Room]) {
        var width = 1
        while width < leaves.count { width *= 2 }
        self.width = width
        rooms = Array(repeating: .none, count: 2 * width)
        for (index, room) in leaves.enumerated() { rooms[width + index] = room }
        for index in stride(from: width - 1, through: 1, by: -1) { rooms[index] = rooms[2 * index].larger(rooms[2 * index + 1]) }
    }

    subscript(leaf: Int) -> Room { rooms[width + leaf] }

    mutating func set(_ leaf: Int, _ room: Room) {
        var index = width + leaf
        guard rooms[index] != room else { return }
        rooms[index] = room
        while index > 1 {
            index /= 2
            let larger = rooms[2 * index].larger(rooms[2 * index + 1])
            if rooms[index] == larger { return }
            rooms[index] = larger
        }
    }

    /// The first leaf at or after `start` whose room takes `demand` and whose bit is set in `allowed` (empty: all are).
    func next(from start: Int, _ demand: Room, _ allowed: [UInt64]) -> Int? {
        guard start < width else { return nil }
        let blocks = allowed.isEmpty ? 0 : width / 64
        var index = width + start
        while true {
            let open: Bool
            if blocks > 0, index >= blocks, index < 2 * blocks {
                let word = index - blocks
                open = word < allowed.count && allowed[word] != 0 && demand.fits(rooms[index])
            } else {
                open = demand.fits(rooms[index])
            }
            if open {
                if index < width {
                    index *= 2
                    continue
                }
                let leaf = index - width
                if allowed.isEmpty || (leaf / 64 < allowed.count && allowed[leaf / 64] >> UInt64(leaf % 64) & 1 == 1) { return leaf }
            }
            while index & 1 == 1 {
                index /= 2
                if index <= 1 { return nil }
            }
            if index == 0 { return nil }
            index += 1
        }
    }
}
