/// What to look at when. A heap by steady time, then by order of entry, so that the same inputs give the same order.
struct TimerQueue {
    enum Subject: Sendable {
        case intent(Int64)
        case lease(LeaseKey)
        case request(Int)
        case provider(String)
        case clock
    }

    typealias LeaseKey = String

    private struct Entry {
        var at: Int64
        var order: Int
        var subject: Subject

        func isBefore(_ other: Entry) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private var heap: [Entry] = []
    private var order = 0

    var next: Int64? { heap.first?.at }

    mutating func add(_ subject: Subject, at: Int64) {
        order += 1
        heap.append(Entry(at: at, order: order, subject: subject))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop(until now: Int64) -> Subject? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.subject
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
            guard least != parent else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
