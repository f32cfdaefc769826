import Synchronization

/// A value that one thread hands over to another once: how a thread says that it is ready, or why it is not.
public final class Handover<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let wake = Wake()

    public init() {}

    public func give(_ value: Value) {
        self.value.withLock { $0 = value }
        wake.signal()
    }

    /// Waits for the value.
    public func take() -> Value {
        while true {
            if let value = value.withLock({ $0 }) { return value }
            wake.wait(milliseconds: -1)
        }
    }
}
