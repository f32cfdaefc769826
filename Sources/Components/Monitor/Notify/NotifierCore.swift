import JSON
import Model

/// One `[notify NAME]` without process, clock or bus: reads the event log from where it stopped, and has one message after another
/// delivered.
///
/// Where it is stands in the ledger (`scheduler.keep`), written after each delivery and before the next: a host that dies delivers
/// at most the one message again that was under way, with the same id.
final class NotifierCore {
    enum Input {
        case kept(Result<JSON, BerthError>)
        case page(Result<JSON, BerthError>)
        /// `lease.show`
        case shown(JSON?)
        /// `scheduler.keep` is done.
        case stored(Bool)
        /// The leases that start or end soon.
        case times([JSON])
        case delivered(failure: String?)
        /// There is an event that was not there before.
        case stirred
        case tick
    }

    enum Effect: Equatable {
        case askKept
        case askPage(after: Int64)
        case askLease(String)
        case askTimes(within: Int64)
        case store(JSON)
        case deliver(Message)
        /// It was tried often enough; it will not be told.
        case giveUp(Message, String)
        /// Events were forgotten before they could be told.
        case skipped(from: Int64, to: Int64)
    }

    let settings: NotifierSettings
    private var now: Moment
    /// Everything up to this event is told. Nil: not known yet.
    private(set) var position: Int64?
    private var storedPosition: Int64 = 0
    /// Starts and ends that were told already, until when they need be remembered.
    private var told: [String: Int64] = [:]
    private var queue: [Item] = []
    /// How far the page goes that the queue was filled from.
    private var pageEnd: Int64 = 0
    private var wantsKept = true
    private var isBusy = false
    private var isDirty = false
    private var isDelivering = false
    private var isStirred = true
    private var attempts = 0
    private var notBefore = Int64.min
    /// The next look at the events by the clock, and the earliest after one that failed.
    private var fetchDue = Int64.min
    private var fetchNotBefore = Int64.min
    private var storeNotBefore = Int64.min
    private var timesDue = Int64.min
    private var upcoming: [(at: Int64, message: Message, until: Int64)] = []

    private struct Item {
        var message: Message
        var position: Int64?
        var mark: (name: String, until: Int64)?
        var isShown = false
    }

    /// Messages that are still to be told, as far as they are read.
    var waitingCount: Int { queue.count }

    private static let pagePeriod: Int64 = 30_000
    private static let longestPause: Int64 = 600_000

    init(_ settings: NotifierSettings, now: Moment) {
        self.settings = settings
        self.now = now
    }

    func receive(_ input: Input, now: Moment) {
        self.now = now
        switch input {
        case .kept(let result): kept(result)
        case .page(let result): page(result)
        case .shown(let lease):
            isBusy = false
            guard !queue.isEmpty else { return }
            queue[0].message.details = lease ?? .null
            queue[0].isShown = true
        case .stored(let isDone):
            isBusy = false
            if !isDone {
                isDirty = true
                storeNotBefore = now.steady + 1_000
            }
        case .times(let leases): plan(leases)
        case .delivered(let failure): delivered(failure)
        case .stirred: isStirred = true
        case .tick: break
        }
    }

    /// What is to be done now: at most one thing of each kind.
    func take(now: Moment) -> (effects: [Effect], wake: Int64?) {
        self.now = now
        var effects = given
        given = []
        guard let position else {
            if wantsKept, fetchNotBefore <= now.steady {
                wantsKept = false
                effects.append(.askKept)
            }
            return (effects, wantsKept ? fetchNotBefore : nil)
        }
        enqueueUpcoming()
        if hasTimes, timesDue <= now.steady {
            timesDue = now.steady + Self.pagePeriod
            effects.append(.askTimes(within: max(settings.beforeStart, settings.beforeEnd) + Self.pagePeriod + 5_000))
        }
        if !isBusy, !isDelivering, let effect = next(position) { effects.append(effect) }
        return (effects, wake)
    }

    private var given: [Effect] = []

    private var wake: Int64? {
        var wake = hasTimes ? min(timesDue, upcoming.map(\.at).min() ?? .max) : .max
        if isBusy || isDelivering { return wake == .max ? nil : wake }
        if isDirty {
            wake = min(wake, storeNotBefore)
        } else if queue.isEmpty {
            wake = min(wake, isStirred ? fetchNotBefore : max(fetchDue, fetchNotBefore))
        } else {
            wake = min(wake, notBefore)
        }
        return wake == .max ? nil : wake
    }

    private var hasTimes: Bool { settings.occasions.contains(.beforeStart) || settings.occasions.contains(.beforeEnd) }

    private func next(_ position: Int64) -> Effect? {
        if isDirty {
            guard storeNotBefore <= now.steady else { return nil }
            isDirty = false
            isBusy = true
            storedPosition = position
            return .store(document(position))
        }
        if let first = queue.first {
            guard notBefore <= now.steady else { return nil }
            if !first.isShown {
                isBusy = true
                return .askLease(first.message.lease)
            }
            isDelivering = true
            return .deliver(first.message)
        }
        guard isStirred || fetchDue <= now.steady, fetchNotBefore <= now.steady else { return nil }
        isStirred = false
        isBusy = true
        fetchDue = now.steady + Self.pagePeriod
        return .askPage(after: position)
    }

    // MARK: where it is

    private func kept(_ result: Result<JSON, BerthError>) {
        guard case .success(let body) = result else {
            wantsKept = true
            fetchNotBefore = now.steady + 1_000
            return
        }
        let document = body["document"] ?? .null
        let last = Int64(body["last_event"]?.int ?? 0)
        // One that is new tells of what happens from now on.
        let known = document["after"]?.int.map { Int64($0) }
        if let lostBefore = skipsFrom {
            skipsFrom = nil
            position = last
            given.append(.skipped(from: lostBefore, to: last))
        } else {
            // A ledger that was restored counts from where it was: do not wait for it to catch up.
            position = known.map { min($0, last) } ?? last
        }
        for field in document["told"]?.object?.fields ?? [] { told[field.name] = Int64(field.value.int ?? 0) }
        storedPosition = known ?? 0
        isDirty = position != known
        isBusy = false
        isStirred = true
    }

    private var skipsFrom: Int64?

    private func document(_ position: Int64) -> JSON {
        let day: Int64 = 86_400_000
        told = told.filter { $0.value > now.real.milliseconds - day }
        let marks = told.sorted { $0.key < $1.key }.map { JSON.Object.Field(name: $0.key, value: JSON($0.value)) }
        return ["after": JSON(position), "told": .object(JSON.Object(fields: marks))]
    }

    // MARK: events

    private func page(_ result: Result<JSON, BerthError>) {
        isBusy = false
        switch result {
        case .failure(let error) where error.code == .notFound:
            // Older than what is kept: go on with what there is.
            skipsFrom = position
            position = nil
            wantsKept = true
        case .failure:
            fetchNotBefore = now.steady + 1_000
            isStirred = true
        case .success(let body):
            let events = body["events"]?.array ?? []
            pageEnd = Int64(body["next"]?.int ?? Int(position ?? 0))
            for event in events {
                guard let occasion = Self.occasion(of: event), settings.occasions.contains(occasion), let seq = event["seq"]?.int,
                    let lease = event["subject"]?.string
                else { continue }
                let message = Message(
                    id: "\(settings.name):\(seq)", notifier: settings.name, occasion: occasion, lease: lease, event: event)
                queue.append(Item(message: message, position: Int64(seq)))
            }
            if !events.isEmpty { isStirred = true }
            if queue.isEmpty { reachPageEnd() }
        }
    }

    private func reachPageEnd() {
        guard let position, pageEnd > position else { return }
        self.position = pageEnd
        // Nothing was told: a crash would only read the page again.
        if pageEnd - storedPosition > 1_000 { isDirty = true }
    }

    /// What an event of a lease means to those who are told; nil: nothing.
    static func occasion(of event: JSON) -> NotifierSettings.Occasion? {
        let parts = (event["topic"]?.string ?? "").split(separator: ".")
        guard parts.count == 3, parts[0] == "lease", event["updated"] == nil, event["count"] == nil else { return nil }
        if event["preempted"]?.bool == true { return .preemption }
        switch parts[2] {
        case "active": return event["again"]?.bool == true ? nil : .start
        case "done", "cancelled": return .end
        case "failed", "rejected": return .failure
        default: return nil
        }
    }

    // MARK: starts and ends that are near

    private func plan(_ leases: [JSON]) {
        upcoming = []
        for lease in leases {
            guard let id = lease["id"]?.string, let state = lease["state"]?.string else { continue }
            if state == "scheduled" || state == "preparing" { plan(.beforeStart, lease["start"], settings.beforeStart, id, lease) }
            if state != "scheduled" { plan(.beforeEnd, lease["end"], settings.beforeEnd, id, lease) }
        }
    }

    private func plan(_ occasion: NotifierSettings.Occasion, _ time: JSON?, _ before: Int64, _ id: String, _ lease: JSON) {
        guard settings.occasions.contains(occasion), let time = time?.int.map({ Int64($0) }), time > now.real.milliseconds else { return }
        var event: JSON = ["what": JSON(occasion.rawValue), "name": lease["name"] ?? .null, "state": lease["state"] ?? .null]
        event["at"] = JSON("\(Instant(milliseconds: time))")
        let message = Message(
            id: "\(settings.name):\(id):\(occasion.rawValue):\(time)", notifier: settings.name, occasion: occasion, lease: id, event: event)
        guard told[message.id] == nil, !queue.contains(where: { $0.message.id == message.id }) else { return }
        upcoming.append((now.steady + max(0, time - before - now.real.milliseconds), message, time))
    }

    private func enqueueUpcoming() {
        guard upcoming.contains(where: { $0.at <= now.steady }) else { return }
        for entry in upcoming where entry.at <= now.steady && told[entry.message.id] == nil {
            guard !queue.contains(where: { $0.message.id == entry.message.id }) else { continue }
            queue.append(Item(message: entry.message, mark: (entry.message.id, entry.until)))
        }
        upcoming.removeAll { $0.at <= now.steady }
    }

    // MARK: deliveries

    private func delivered(_ failure: String?) {
        guard isDelivering else { return }
        isDelivering = false
        guard let item = queue.first else { return }
        if let failure {
            attempts += 1
            if attempts <= settings.retries {
                let pause = settings.retry << min(Int64(attempts - 1), 20)
                notBefore = now.steady + min(max(pause, settings.retry), Self.longestPause)
                queue[0].isShown = false
                return
            }
            given.append(.giveUp(item.message, failure))
        }
        queue.removeFirst()
        attempts = 0
        notBefore = .min
        if let seq = item.position { position = max(position ?? 0, seq) }
        if let mark = item.mark { told[mark.name] = mark.until }
        if queue.isEmpty { reachPageEnd() }
        isDirty = true
    }
}
