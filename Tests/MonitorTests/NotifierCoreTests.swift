import JSON
import Model
import Testing

@testable import Monitor

/// A notifier against an event log and a keeper of the test's own.
@Suite("notifier core")
struct NotifierCoreTests {
    /// The world of a notifier: its log, what is kept of it, and what it told. Survives the notifier.
    final class World {
        var events: [JSON] = []
        var kept: JSON = .null
        var told: [String] = []
        var givenUp: [String] = []
        /// How many deliveries fail before one goes well.
        var failures = 0
        var oldest = 1
        var times: [JSON] = []
        var time: Int64 = 5_000_000
        var skipped = false

        func happen(_ topic: String, _ change: JSON = [:]) {
            var event: JSON = [
                "seq": JSON(events.count + 1), "subject": JSON(String(topic.split(separator: ".")[1])), "topic": JSON(topic),
            ]
            for field in change.object?.fields ?? [] { event[field.name] = field.value }
            events.append(event)
        }

        var now: Moment { Moment(real: Instant(milliseconds: time), steady: time) }
    }

    private let world = World()

    private func notifier(_ change: (inout NotifierSettings) -> Void = { _ in }) -> NotifierCore {
        var settings = NotifierSettings(name: "mail", way: .command("true"))
        change(&settings)
        return NotifierCore(settings, now: world.now)
    }

    /// Does what the notifier wants for so long; `until` stops before a delivery is answered, as a crash would.
    private func run(_ notifier: NotifierCore, for milliseconds: Int64 = 0, dieAt delivery: String? = nil) {
        let end = world.time + milliseconds
        while true {
            let (effects, wake) = notifier.take(now: world.now)
            for effect in effects {
                if case .deliver(let message) = effect, message.id == delivery {
                    world.told.append(message.id)
                    return
                }
                answer(effect, notifier)
            }
            if effects.isEmpty {
                guard let wake, wake <= end else { break }
                world.time = max(world.time, wake)
            }
        }
        world.time = end
    }

    private func answer(_ effect: NotifierCore.Effect, _ notifier: NotifierCore) {
        let input: NotifierCore.Input? =
            switch effect {
            case .askKept: .kept(.success(["document": world.kept, "last_event": JSON(world.events.count)]))
            case .askPage(let after):
                after + 1 < Int64(world.oldest)
                    ? .page(.failure(BerthError(.notFound, "gone")))
                    : .page(
                        .success([
                            "events": .array(Array(world.events.dropFirst(Int(after)).prefix(5))),
                            "next": JSON(min(Int(after) + 5, world.events.count)),
                        ]))
            case .askLease(let id): .shown(["id": JSON(id), "owner": "uid:1"])
            case .askTimes: .times(world.times)
            case .store(let document): stored(document)
            case .deliver(let message): delivered(message)
            case .giveUp(let message, _): gaveUp(message)
            case .skipped: skip()
            }
        if let input { notifier.receive(input, now: world.now) }
    }

    private func stored(_ document: JSON) -> NotifierCore.Input {
        world.kept = document
        return .stored(true)
    }

    private func delivered(_ message: Message) -> NotifierCore.Input {
        guard world.failures == 0 else {
            world.failures -= 1
            return .delivered(failure: "exit 1")
        }
        world.told.append("\(message.occasion.rawValue) \(message.lease)")
        return .delivered(failure: nil)
    }

    private func gaveUp(_ message: Message) -> NotifierCore.Input? {
        world.givenUp.append(message.id)
        return nil
    }

    private func skip() -> NotifierCore.Input? {
        world.skipped = true
        return nil
    }

    @Test("a new notifier tells of what happens from now on, in order, and of nothing else")
    func tells() {
        world.happen("lease.l-0.active")
        let notifier = notifier()
        run(notifier)
        #expect(world.told.isEmpty)
        world.happen("lease.l-1.preparing")
        world.happen("lease.l-1.active")
        world.happen("lease.l-1.active", ["again": true])
        world.happen("lease.l-2.suspending", ["preempted": true])
        world.happen("lease.l-2.suspending")
        world.happen("lease.l-1.ending")
        world.happen("lease.l-1.done")
        world.happen("lease.l-3.failed")
        world.happen("lease.l-4.active", ["updated": true])
        notifier.receive(.stirred, now: world.now)
        run(notifier)
        #expect(world.told == ["start l-1", "preemption l-2", "end l-1", "failure l-3"])
    }

    @Test("only what it is for is told")
    func chosen() {
        let notifier = notifier { $0.occasions = [.failure] }
        run(notifier)
        world.happen("lease.l-1.active")
        world.happen("lease.l-1.failed")
        notifier.receive(.stirred, now: world.now)
        run(notifier)
        #expect(world.told == ["failure l-1"])
    }

    @Test("a delivery that fails is tried again with growing pauses, and nothing is told before its turn")
    func retries() {
        let notifier = notifier()
        run(notifier)
        world.happen("lease.l-1.active")
        world.happen("lease.l-2.active")
        world.failures = 3
        notifier.receive(.stirred, now: world.now)
        run(notifier, for: 29_000)
        #expect(world.told.isEmpty)
        run(notifier, for: 60_000)
        #expect(world.told == ["start l-1", "start l-2"])
    }

    @Test("what cannot be told is given up after its tries, and the next has its turn")
    func givesUp() {
        let notifier = notifier { ($0.retries, $0.retry) = (2, 1_000) }
        run(notifier)
        world.happen("lease.l-1.active")
        world.happen("lease.l-2.active")
        world.failures = 3
        notifier.receive(.stirred, now: world.now)
        run(notifier, for: 60_000)
        #expect(world.givenUp == ["mail:1"] && world.told == ["start l-2"])
    }

    @Test("after a restart it goes on where it was; the delivery that was under way comes again with the same id")
    func restart() {
        let first = notifier()
        run(first)
        for lease in 1...3 { world.happen("lease.l-\(lease).active") }
        first.receive(.stirred, now: world.now)
        run(first, dieAt: "mail:2")
        #expect(world.told == ["start l-1", "mail:2"])
        let second = notifier()
        run(second)
        #expect(world.told == ["start l-1", "mail:2", "start l-2", "start l-3"])
        #expect(world.kept["after"] == 3)
    }

    @Test("what happened while no host ran is told when one does")
    func away() {
        run(notifier())
        for lease in 1...12 { world.happen("lease.l-\(lease).done") }
        run(notifier())
        #expect(world.told.count == 12)
    }

    @Test("events that are older than what is kept are skipped, and that is said")
    func retention() {
        run(notifier())
        for lease in 1...30 { world.happen("lease.l-\(lease).done") }
        world.oldest = 20
        let late = notifier()
        run(late)
        #expect(world.skipped && world.told.isEmpty)
        world.happen("lease.l-99.done")
        late.receive(.stirred, now: world.now)
        run(late)
        #expect(world.told == ["end l-99"])
    }

    @Test("a start and an end are told before they come, once each, also over a restart")
    func before() {
        let start = world.time + 3_600_000
        world.times = [["id": "l-1", "name": "web", "state": "scheduled", "start": JSON(start), "end": JSON(start + 3_600_000)]]
        let settings: (inout NotifierSettings) -> Void = { ($0.beforeStart, $0.beforeEnd) = (600_000, 300_000) }
        let first = notifier(settings)
        run(first, for: 2_990_000)
        #expect(world.told.isEmpty)
        run(first, for: 60_000)
        #expect(world.told == ["before-start l-1"])
        let second = notifier(settings)
        run(second, for: 1_000_000)
        #expect(world.told == ["before-start l-1"])
        world.times = [["id": "l-1", "name": "web", "state": "active", "start": JSON(start), "end": JSON(start + 3_600_000)]]
        run(second, for: 3_000_000)
        #expect(world.told == ["before-start l-1", "before-end l-1"])
    }
}
