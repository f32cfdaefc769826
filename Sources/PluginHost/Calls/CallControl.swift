import Platform
import Synchronization

/// One call as the host holds it: who it is, until when, whether it is still wanted, and where its progress goes.
public final class CallControl: Sendable {
    /// In every log line, reply and trace of the request.
    public let id: UInt64
    /// `CLOCK_MONOTONIC` in milliseconds.
    public let deadline: Int64
    /// Called on whatever thread the driver reports from.
    public let progress: (@Sendable (_ fraction: Double, _ what: String) -> Void)?
    private let cancelled = Atomic(false)

    public init(id: UInt64, deadline: Int64, progress: (@Sendable (_ fraction: Double, _ what: String) -> Void)? = nil) {
        self.id = id
        self.deadline = deadline
        self.progress = progress
    }

    /// Tells the driver that nobody wants the answer any more. It ends when the driver next asks.
    public func cancel() { cancelled.store(true, ordering: .relaxed) }

    public var isCancelled: Bool { cancelled.load(ordering: .relaxed) }
}
