import Synchronization

/// How long things took, by their names.
final class Stopwatch: Sendable {
    private let times = Mutex<[(name: String, times: [Duration])]>([])

    func time<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
        let started = ContinuousClock.now
        defer {
            let took = ContinuousClock.now - started
            times.withLock { times in
                if let index = times.firstIndex(where: { $0.name == name }) {
                    times[index].times.append(took)
                } else {
                    times.append((name, [took]))
                }
            }
        }
        return try body()
    }

    /// Median and longest of each, in the order in which they first ended.
    var summary: String {
        times.withLock { times in
            times.map { entry in
                let sorted = entry.times.sorted()
                return "\(entry.name) \(seconds(sorted[sorted.count / 2])) (longest \(seconds(sorted.last ?? .zero)))"
            }.joined(separator: ", ")
        }
    }

    private func seconds(_ duration: Duration) -> String {
        let tenths = (Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18) * 10
        return "\(tenths.rounded() / 10) s"
    }
}
