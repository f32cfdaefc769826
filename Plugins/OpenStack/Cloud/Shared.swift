import DriverHTTP
import PluginKit
import Synchronization

/// Something that is fetched once for all who want it at the same time: one call does, the others wait, each no longer than
/// its own patience, and share what came of it.
final class Shared<Value: Sendable>: Sendable {
    private struct State {
        var isFetching = false
        /// The number of the fetch that runs, or that comes next.
        var round = 0
        /// What came of the last one.
        var outcome: (round: Int, result: Result<Value, DriverError>)?
    }

    private enum Step {
        case fetch
        case take(Result<Value, DriverError>)
        case wait
    }

    private let state = Mutex(State())

    /// `joining`: the outcome of a fetch that is under way will do. Otherwise only one that begins from now on.
    func get(
        joining: Bool = true, _ patience: HTTPPatience, _ fetch: () throws(DriverError) -> Value
    ) throws(DriverError) -> Value {
        var wanted = state.withLock { $0.isFetching && !joining ? $0.round + 1 : $0.round }
        while true {
            switch state.withLock({ Self.step(&$0, &wanted) }) {
            case .take(let result): return try result.get()
            case .fetch: return try run(fetch).get()
            case .wait:
                guard patience.wait(milliseconds: 10) else {
                    throw patience.exhausted("the deadline passed while another call asked the cloud")
                }
            }
        }
    }

    private static func step(_ state: inout State, _ wanted: inout Int) -> Step {
        if let outcome = state.outcome, outcome.round >= wanted {
            // That the other call ran out of patience says nothing of ours.
            guard case .failure(let error) = outcome.result, [.cancelled, .deadline].contains(error.status) else {
                return .take(outcome.result)
            }
            wanted = state.round
        }
        guard !state.isFetching else { return .wait }
        state.isFetching = true
        return .fetch
    }

    private func run(_ fetch: () throws(DriverError) -> Value) -> Result<Value, DriverError> {
        let result: Result<Value, DriverError>
        do throws(DriverError) { result = .success(try fetch()) } catch { result = .failure(error) }
        state.withLock { state in
            state.outcome = (state.round, result)
            state.round += 1
            state.isFetching = false
        }
        return result
    }
}
