import Bus
import JSON
import Model
import Platform

/// Answers `host.status` by asking the others. Holds nothing, so it may run several times and anywhere
/// (`berth serve --only status`).
final class StatusComponent: Component {
    static let description = ComponentDescription(name: "status", verbs: [Verb("host.status")]) { StatusComponent($0) }

    /// What is asked, and with what body.
    private static let questions: [(verb: String, body: JSON)] = [
        ("host.info", [:]), ("plugin.list", [:]), ("provider.list", [:]), ("ledger.health", [:]), ("member.list", [:]),
        ("lease.list", ["state": ["preparing", "suspending", "resuming", "ending"], "limit": 200]),
    ]

    private let context: any ComponentContext

    init(_ context: any ComponentContext) { self.context = context }

    func handle(_ batch: [Request]) {
        for request in batch {
            do throws(BerthError) {
                guard try request.json().object?.isEmpty ?? true else { throw BerthError(.invalid, "host.status has no fields") }
                ask(Round(request))
            } catch {
                request.fail(error)
            }
        }
    }

    /// One request, and what came for it so far.
    private final class Round {
        let request: Request
        var answers: [String: Result<JSON, BerthError>] = [:]

        init(_ request: Request) { self.request = request }
    }

    /// Asks on the asker's behalf: a client learns of its own leases alone.
    private func ask(_ round: Round) {
        let patience = Int(min(round.request.remaining ?? 5000, 5000))
        for (verb, body) in StatusComponent.questions {
            let account = verb == "ledger.health" ? nil : round.request.account
            context.request(verb, body, RequestOptions(deadline: max(1, patience - 200), account: account)) { answer in
                round.answers[verb] = answer.error.map { .failure($0) } ?? .success(answer.body)
                guard round.answers.count == StatusComponent.questions.count else { return }
                round.request.ok(StatusReport(answers: round.answers, now: Instant(milliseconds: Clock.real)).json)
            }
        }
    }
}
