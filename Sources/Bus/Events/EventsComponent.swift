import JSON
import Model
import Platform

/// Answers `events.since`: a long poll on the ledger's record, which loses nothing.
public final class EventsComponent: Component {
    private let context: any ComponentContext
    private let store: any EventStore
    /// Those who wait for an event that is not there yet.
    private var waiting: [UInt64: Waiting] = [:]

    private struct Waiting {
        var request: Request
        var query: Query
        var timer: TimerTicket
    }

    private struct Query {
        var after: Int64
        var topics: [String]
        var limit: Int
        var until: Int64
    }

    /// The description for the host's list of components.
    public static func description(_ store: any EventStore) -> ComponentDescription {
        ComponentDescription(name: "events", verbs: [Verb("events.since")], isSingle: true) { EventsComponent($0, store) }
    }

    init(_ context: any ComponentContext, _ store: any EventStore) {
        self.context = context
        self.store = store
        for prefix in ["lease.", "machine.", "provider.", "member."] {
            context.subscribe(prefix) { [weak self] in self?.happened($0) }
        }
    }

    public func handle(_ batch: [Request]) {
        for request in batch {
            do throws(BerthError) {
                look(request, try EventsComponent.query(try request.json()))
            } catch {
                request.fail(error)
            }
        }
    }

    public func stop() {
        for waiting in waiting.values { answer(waiting.request, [], waiting.query.after) }
        waiting = [:]
    }

    private static func query(_ body: JSON) throws(BerthError) -> Query {
        if let other = body.object?.names.first(where: { !["after", "topics", "wait_ms", "limit"].contains($0) }) {
            throw BerthError(.invalid, "there is no field '\(other)'; known: after, topics, wait_ms, limit", field: other)
        }
        let topics = (body["topics"] ?? []).array ?? []
        guard topics.allSatisfy({ $0.string != nil }) else {
            throw BerthError(.invalid, "topics is a list of prefixes such as \"lease.\"", field: "topics")
        }
        let wait = try number(body, "wait_ms", 0, 0...60_000)
        return Query(
            after: Int64(try number(body, "after", 0, -1...Int.max)), topics: topics.compactMap(\.string),
            limit: try number(body, "limit", 1000, 1...Int.max, cut: 1000), until: Clock.monotonic + Int64(wait))
    }

    private static func number(_ body: JSON, _ field: String, _ standard: Int, _ range: ClosedRange<Int>, cut: Int = .max)
        throws(BerthError)
        -> Int
    {
        guard let value = body[field], !value.isNull else { return standard }
        guard let number = value.int, range.contains(number) else {
            throw BerthError(
                .invalid,
                "\(field) is a whole number of at least \(range.lowerBound)\(range.upperBound == .max ? "" : " and at most \(range.upperBound)")",
                field: field)
        }
        return min(number, cut)
    }

    /// Asks the store, on whose thread the answer comes; then back here.
    private func look(_ request: Request, _ query: Query) {
        let owner = request.account.seesAll ? nil : request.account.owner
        let found = context.hop { [weak self] (result: Result<CommittedEvents, BerthError>) in self?.found(request, query, result) }
        store.events(after: query.after, owner: owner, topics: query.topics, limit: query.limit, completion: found)
    }

    private func found(_ request: Request, _ query: Query, _ result: Result<CommittedEvents, BerthError>) {
        switch result {
        case .failure(let error): request.fail(error, details: EventsComponent.oldest(error))
        case .success(let page):
            var query = query
            query.after = page.last
            if request.isCancelled { return request.fail(BerthError(.cancelled, "taken back")) }
            guard page.events.isEmpty else { return answer(request, page.events, page.last) }
            // A page ends early where nothing fitted for long.
            if !page.isAtEnd { return look(request, query) }
            guard Clock.monotonic < query.until else { return answer(request, [], page.last) }
            wait(request, query)
        }
    }

    /// The store says it as `native: "oldest=41"`.
    private static func oldest(_ error: BerthError) -> JSON {
        guard let native = error.native, native.hasPrefix("oldest="), let oldest = Int(native.dropFirst("oldest=".count)) else {
            return .null
        }
        return ["oldest": JSON(oldest)]
    }

    private func wait(_ request: Request, _ query: Query) {
        // What came between the look and now is in the store; what comes from now on is heard of by its notice.
        if let seq = last?.body["seq"]?.int, Int64(seq) > query.after { return look(request, query) }
        let number = request.number
        let timer = context.after(max(0, query.until - Clock.monotonic)) { [weak self] in self?.lookAgain(number) }
        waiting[number] = Waiting(request: request, query: query, timer: timer)
        let gone = context.hop { [weak self] (_: Bool) in self?.lookAgain(number) }
        request.onCancel { gone(true) }
    }

    /// The last event that was heard of.
    private var last: Notice?

    private func lookAgain(_ number: UInt64) {
        guard let item = waiting.removeValue(forKey: number) else { return }
        context.cancel(item.timer)
        look(item.request, item.query)
    }

    private func happened(_ notice: Notice) {
        last = notice
        for (number, item) in waiting {
            let account = item.request.account
            guard account.seesAll || notice.owner == nil || notice.owner == account.owner else { continue }
            let topics = item.query.topics
            guard topics.isEmpty || topics.contains(where: { notice.topic.hasPrefix($0) }) else { continue }
            lookAgain(number)
        }
    }

    private func answer(_ request: Request, _ events: [JSON], _ last: Int64) {
        request.ok(["events": .array(events), "next": JSON(last)])
    }
}
