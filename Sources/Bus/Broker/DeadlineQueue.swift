/// What is due when: a binary heap. Entries are not removed when they become moot; whoever owns the queue sweeps it once most
/// of it is, so that a million short requests with long deadlines leave nothing behind.
struct DeadlineQueue<Name> {
    private var heap: [(time: Int64, name: Name)] = []
    private var sweepAt = 1024

    var next: Int64? { heap.first?.time }
    var count: Int { heap.count }

    mutating func insert(_ time: Int64, _ name: Name) {
        heap.append((time, name))
        var index = heap.count - 1
        while index > 0, heap[index].time < heap[(index - 1) / 2].time {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// Takes the first entry if it is due.
    mutating func take(until now: Int64) -> Name? {
        guard let first = heap.first, first.time <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink(0)
        }
        return first.name
    }

    /// Drops moot entries, if there may be enough of them to be worth it.
    mutating func sweep(keeping isLive: (Name) -> Bool) {
        guard heap.count >= sweepAt else { return }
        heap.removeAll { !isLive($0.name) }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }
        sweepAt = max(1024, heap.count * 2)
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].time < heap[least].time { least = child }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
