extension Plan {
    public mutating func mark() -> Mark {
        marks += 1
        epoch += 1
        return Mark(position: journal.count)
    }

    /// Everything up to the mark is durable: it cannot be undone any more. Marks made later stay.
    public mutating func settle(_ mark: Mark) {
        marks = max(0, marks - 1)
        if marks == 0 { journal.removeAll(keepingCapacity: true) }
    }

    /// Puts all leases back as they were at the mark. Marks made later are void.
    public mutating func undo(to mark: Mark) {
        guard mark.position <= journal.count else { return }
        let undone = journal[mark.position...].reversed()
        // First everything out of the timeline, then everything back in as it was: the order of the journal decides which state wins.
        var last: [Int32: Entry?] = [:]
        for step in undone { last[step.slot] = .some(step.before) }
        for slot in last.keys.sorted() { takeOut(slot) }
        for slot in last.keys.sorted() {
            guard case .some(.some(let entry)) = last[slot] else { continue }
            putBack(slot, entry)
        }
        journal.removeSubrange(mark.position...)
        marks = max(0, marks - 1)
        if marks == 0 { journal.removeAll(keepingCapacity: true) }
        epoch += 1
        due.removeAll { action in action.lease.map { index[$0] == nil } ?? false }
        released = true
    }

    private mutating func takeOut(_ slot: Int32) {
        guard entries[Int(slot)].alive else { return }
        unhold(slot)
        rest(slot, taking: false)
        leaveQueue(slot)
        unplan(slot)
        index[entries[Int(slot)].request.id] = nil
        let generation = entries[Int(slot)].generation + 1
        entries[Int(slot)] = Entry(Plan.Request(id: "", groups: []))
        entries[Int(slot)].generation = generation
        freeSlots.append(slot)
    }

    private mutating func putBack(_ slot: Int32, _ entry: Entry) {
        if let position = freeSlots.lastIndex(of: slot) { freeSlots.remove(at: position) }
        let generation = entries[Int(slot)].generation + 1
        entries[Int(slot)] = entry
        entries[Int(slot)].generation = generation
        entries[Int(slot)].epoch = 0
        index[entry.request.id] = slot
        hold(slot)
        rest(slot, taking: true)
        if entry.isWaiting { joinQueue(slot) }
        if entry.phase == .planned { plan(slot) }
        schedule(slot)
    }
}

extension Action {
    /// The lease that the action is about.
    public var lease: String? {
        switch self {
        case .start(let placement), .resume(let placement), .replan(let placement): placement.lease
        case .add(let lease, _), .migrate(let lease, _), .suspend(let lease, _), .stop(let lease, _), .cancel(let lease, _),
            .end(let lease),
            .reject(let lease, _):
            lease
        }
    }
}
