import Bus
import JSON
import Ledger
import Model

/// The ledger as what `events.since` reads.
struct LedgerEvents: EventStore {
    let ledger: any Ledger

    func events(
        after: Int64, owner: String?, topics: [String], limit: Int,
        completion: @escaping @Sendable (Result<CommittedEvents, BerthError>) -> Void
    ) {
        do throws(BerthError) {
            let last = ledger.lastEvent
            let page = try ledger.events(EventQuery(after: after < 0 ? last : after, topics: topics, owner: owner, limit: limit))
            let bodies = page.events.map { event in
                var body = event.json
                body["topic"] = .string(event.topic)
                return body
            }
            completion(.success(CommittedEvents(events: bodies, last: page.next, isAtEnd: page.next >= last)))
        } catch {
            completion(.failure(error))
        }
    }
}
