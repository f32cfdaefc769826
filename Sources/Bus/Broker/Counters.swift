import JSON

/// What the broker counts for `host.metrics`.
struct Counters {
    var requests = 0
    var malformed = 0
    /// Messages of connections without an account.
    var strangers = 0
    /// Connections that ZAP refused.
    var rejected = 0
    var refused = 0
    var late = 0
    /// Replies to clients that were gone.
    var gone = 0
    /// Replies dropped because a client never read.
    var unread = 0
    var published = 0

    /// How long components took: how many answers within so many milliseconds.
    static let bounds: [Int64] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 60_000]
    private(set) var buckets = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var answers = 0
    private(set) var milliseconds: Int64 = 0

    mutating func count(milliseconds: Int64) {
        answers += 1
        self.milliseconds += milliseconds
        let index = Counters.bounds.firstIndex { milliseconds <= $0 } ?? Counters.bounds.count
        buckets[index] += 1
    }

    var json: JSON {
        [
            "requests": JSON(requests), "malformed": JSON(malformed), "refused": JSON(refused), "late": JSON(late),
            "strangers": JSON(strangers), "rejected": JSON(rejected), "gone": JSON(gone), "unread": JSON(unread),
            "published": JSON(published), "answers": JSON(answers), "milliseconds": JSON(milliseconds),
            "within_ms": .object(
                JSON.Object(
                    fields: zip(Counters.bounds.map { "\($0)" } + ["more"], buckets).map { JSON.Object.Field(name: $0, value: JSON($1)) })),
        ]
    }
}
