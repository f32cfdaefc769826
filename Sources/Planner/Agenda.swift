/// What happens when: a heap by time; at one moment room is given back before it is taken, else in the order of putting in.
struct Agenda: Sendable {
    struct Item: Sendable {
        var time: Int64
        /// 0: gives room back; 1: takes it.
        var rank: Int8
        var order: Int
        var lease: Int32
        /// Void once the lease has moved on.
        var generation: Int32
    }

    private(set) var items: [Item] = []
    private var order = 0

    var first: Item? { items.first }

    mutating func add(_ time: Int64, rank: Int8, lease: Int32, generation: Int32) {
        order += 1
        items.append(Item(time: time, rank: rank, order: order, lease: lease, generation: generation))
        var index = items.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard Agenda.before(items[index], items[parent]) else { return }
            items.swapAt(index, parent)
            index = parent
        }
    }

    mutating func pop() -> Item? {
        guard let first = items.first else { return nil }
        let last = items.removeLast()
        if items.isEmpty { return first }
        items[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count && Agenda.before(items[child], items[least]) {
                least = child
            }
            if least == index { return first }
            items.swapAt(index, least)
            index = least
        }
    }

    private static func before(_ left: Item, _ right: Item) -> Bool {
        left.time != right.time ? left.time < right.time : (left.rank, left.order) < (right.rank, right.order)
    }

    /// Drops void items once there are many.
    mutating func sweep(_ isVoid: (Item) -> Bool) {
        items.removeAll(where: isVoid)
        items.sort(by: Agenda.before)
    }
}
