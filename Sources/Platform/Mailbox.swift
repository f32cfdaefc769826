import Synchronization

/// A queue from many threads to one that polls. Items are taken in batches, and the wake is signalled only when the queue was
/// empty, so that a busy queue costs no system calls.
public final class Mailbox<Item: Sendable>: Sendable {
    private let items = Mutex<[Item]>([])
    public let wake: Wake

    public init(wake: Wake = Wake()) {
        self.wake = wake
    }

    public func put(_ item: Item) {
        let wasEmpty = items.withLock { items in
            items.append(item)
            return items.count == 1
        }
        if wasEmpty { wake.signal() }
    }

    /// Puts several at once and leaves `batch` empty, with its memory.
    public func put(contentsOf batch: inout [Item]) {
        guard !batch.isEmpty else { return }
        let wasEmpty = items.withLock { items in
            let wasEmpty = items.isEmpty
            items.append(contentsOf: batch)
            return wasEmpty
        }
        batch.removeAll(keepingCapacity: true)
        if wasEmpty { wake.signal() }
    }

    /// Swaps what waits with `batch`, which must be empty; its memory is used again.
    public func take(into batch: inout [Item]) {
        items.withLock { swap(&$0, &batch) }
    }
}
