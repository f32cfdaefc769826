import Foundation

/// Waits until `condition` holds. Tests never sleep for something to happen: they ask, with a deadline generous enough for
/// a loaded machine.
public func eventually(
    _ what: String, within seconds: Double = 60, every milliseconds: Int = 10, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(seconds))
    while try await !condition() {
        guard clock.now < end else { throw NeverHappened(description: "after \(seconds) s still not: \(what)") }
        try await Task.sleep(for: .milliseconds(milliseconds))
    }
}

/// Waits until `value` gives something, and answers it.
public func eventually<Value>(
    _ what: String, within seconds: Double = 60, every milliseconds: Int = 10, _ value: () async throws -> Value?
) async throws -> Value {
    var found: Value?
    try await eventually(what, within: seconds, every: milliseconds) {
        found = try await value()
        return found != nil
    }
    guard let found else { throw NeverHappened(description: what) }
    return found
}

/// What ``eventually(_:within:every:_:)`` throws.
public struct NeverHappened: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}
