/// An amount over time that changes at moments: the free room of a node, of all nodes, of a project.
///
/// Steps lie sorted in chunks. A change over a long interval touches the two chunks at its ends and leaves a note (`pending`) at those
/// between, so that a hundred thousand leases at one node cost hardly more than ten.
struct StepFunction<Value: Amount>: Sendable {
    struct Step: Sendable {
        var time: Int64
        var value: Value
    }

    struct Chunk: Sendable {
        var steps: [Step]
        /// Belongs to every value of the chunk.
        var pending: Value
        /// The smallest of every lane, without `pending`.
        var low: Value
    }

    static var longest: Int { 96 }

    private(set) var chunks: [Chunk]

    init(_ value: Value) {
        chunks = [Chunk(steps: [Step(time: Int64.min, value: value)], pending: .zero, low: value)]
    }

    /// The number of moments at which it changes.
    var count: Int { chunks.reduce(0) { $0 + $1.steps.count } - 1 }

    /// The chunk in which the value at `time` stands.
    @inline(__always)
    func chunk(at time: Int64) -> Int {
        if chunks.count == 1 { return 0 }
        var low = 0
        var high = chunks.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if chunks[middle].steps[0].time <= time { low = middle } else { high = middle }
        }
        return low
    }

    /// The step in force at `time` within a chunk that begins before.
    @inline(__always)
    static func step(_ steps: [Step], at time: Int64) -> Int {
        var low = 0
        var high = steps.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if steps[middle].time <= time { low = middle } else { high = middle }
        }
        return low
    }

    func value(at time: Int64) -> Value {
        let chunk = chunk(at: time)
        let index = Self.step(chunks[chunk].steps, at: time)
        return chunks[chunk].steps[index].value + chunks[chunk].pending
    }

    /// The smallest of every lane over all time that is kept.
    var floor: Value {
        var low = chunks[0].low + chunks[0].pending
        for chunk in chunks.dropFirst() { low = low.smaller(chunk.low + chunk.pending) }
        return low
    }

    /// The smallest of every lane in `start..<end`.
    func minimum(_ start: Int64, _ end: Int64) -> Value {
        var index = chunk(at: start)
        var position = Self.step(chunks[index].steps, at: start)
        var low = chunks[index].steps[position].value + chunks[index].pending
        position += 1
        while true {
            let pending = chunks[index].pending
            let last = index + 1 == chunks.count
            if position == 0, !last, chunks[index + 1].steps[0].time <= end {
                low = low.smaller(chunks[index].low + pending)
            } else {
                let count = chunks[index].steps.count
                while position < count {
                    if chunks[index].steps[position].time >= end { return low }
                    low = low.smaller(chunks[index].steps[position].value + pending)
                    position += 1
                }
            }
            if last { return low }
            index += 1
            position = 0
            if chunks[index].steps[0].time >= end { return low }
        }
    }

    /// Whether `amount` is there all the time in `start..<end`.
    @inline(__always)
    func has(_ amount: Value, _ start: Int64, _ end: Int64) -> Bool {
        shortfall(of: amount, from: start, before: end) == nil
    }

    /// The first moment in `start..<end` at which `amount` is not there.
    func shortfall(of amount: Value, from start: Int64, before end: Int64) -> Int64? {
        var index = chunk(at: start)
        var position = Self.step(chunks[index].steps, at: start)
        if !amount.fits(chunks[index].steps[position].value + chunks[index].pending) { return start }
        position += 1
        while true {
            let pending = chunks[index].pending
            if position > 0 || !amount.fits(chunks[index].low + pending) {
                let count = chunks[index].steps.count
                while position < count {
                    if chunks[index].steps[position].time >= end { return nil }
                    if !amount.fits(chunks[index].steps[position].value + pending) { return chunks[index].steps[position].time }
                    position += 1
                }
            }
            index += 1
            if index == chunks.count { return nil }
            position = 0
            if chunks[index].steps[0].time >= end { return nil }
        }
    }

    /// The first moment at or after `start` at which `amount` is there; nil: never.
    func recovery(of amount: Value, from start: Int64) -> Int64? {
        var index = chunk(at: start)
        var position = Self.step(chunks[index].steps, at: start)
        while index < chunks.count {
            let pending = chunks[index].pending
            for step in chunks[index].steps[position...] where amount.fits(step.value + pending) { return Swift.max(start, step.time) }
            index += 1
            position = 0
        }
        return nil
    }

    /// Every moment after `start` at which the value changes, in order, until `visit` says false.
    func changes(after start: Int64, _ visit: (Int64, Value) -> Bool) {
        var index = chunk(at: start)
        var position = Self.step(chunks[index].steps, at: start) + 1
        while index < chunks.count {
            let pending = chunks[index].pending
            while position < chunks[index].steps.count {
                let step = chunks[index].steps[position]
                if !visit(step.time, step.value + pending) { return }
                position += 1
            }
            index += 1
            position = 0
        }
    }

    /// Adds `amount` over `start..<end`.
    mutating func add(_ amount: Value, _ start: Int64, _ end: Int64) {
        let start = Swift.max(start, chunks[0].steps[0].time)
        guard start < end else { return }
        var index = chunk(at: start)
        var from = start
        while true {
            let until = index + 1 < chunks.count ? chunks[index + 1].steps[0].time : Int64.max
            if from == chunks[index].steps[0].time, until <= end, index + 1 < chunks.count {
                chunks[index].pending = chunks[index].pending + amount
            } else {
                chunks[index].add(amount, from, Swift.min(end, until), closed: end < until)
            }
            if until >= end { break }
            index += 1
            from = until
        }
        tidy(chunk(at: start))
        if chunks.count > 1 { tidy(chunk(at: end == Int64.max ? end - 1 : end)) }
    }

    /// Splits a chunk that has grown too long, joins one that has become short.
    private mutating func tidy(_ index: Int) {
        let count = chunks[index].steps.count
        if count > Self.longest {
            let upper = Array(chunks[index].steps[(count / 2)...])
            chunks[index].steps.removeSubrange((count / 2)...)
            chunks[index].measure()
            var chunk = Chunk(steps: upper, pending: chunks[index].pending, low: .zero)
            chunk.measure()
            chunks.insert(chunk, at: index + 1)
        } else if count < Self.longest / 8, index + 1 < chunks.count, chunks[index + 1].steps.count < Self.longest / 2 {
            let shift = chunks[index + 1].pending - chunks[index].pending
            for step in chunks[index + 1].steps { chunks[index].steps.append(Step(time: step.time, value: step.value + shift)) }
            chunks.remove(at: index + 1)
            chunks[index].measure()
        }
    }

    /// Forgets what was before `time`.
    mutating func forget(before time: Int64) {
        while chunks.count > 1, chunks[1].steps[0].time <= time { chunks.removeFirst() }
        let keep = Self.step(chunks[0].steps, at: time)
        guard keep > 0 else { return }
        chunks[0].steps.removeFirst(keep)
        chunks[0].measure()
    }
}

extension StepFunction.Chunk {
    mutating func measure() {
        var low = steps[0].value
        for step in steps.dropFirst() { low = low.smaller(step.value) }
        self.low = low
    }

    /// Adds within the chunk; `closed`: the interval ends inside of it, so there must be a step at its end.
    mutating func add(_ amount: Value, _ start: Int64, _ end: Int64, closed: Bool) {
        var first = StepFunction<Value>.step(steps, at: start)
        if steps[first].time != start {
            steps.insert(StepFunction<Value>.Step(time: start, value: steps[first].value), at: first + 1)
            first += 1
        }
        var index = first
        while index < steps.count, steps[index].time < end {
            steps[index].value = steps[index].value + amount
            index += 1
        }
        if closed {
            if index == steps.count || steps[index].time != end {
                steps.insert(StepFunction<Value>.Step(time: end, value: steps[index - 1].value - amount), at: index)
            }
            if steps[index].value == steps[index - 1].value { steps.remove(at: index) }
        }
        if first > 0, steps[first].value == steps[first - 1].value { steps.remove(at: first) }
        measure()
    }
}
